"""The callback that fits a mixture prior in a run."""

import keras

from zoo.errors import UsageError

__all__ = ["FitPrior"]

_MOST_IMAGES = 20_000


class FitPrior(keras.callbacks.Callback):
    """Fits the model's `zoo.MixturePrior` when half of the epochs are done.

    Before, latents move too much for it to follow; after, it and the networks learn together. A
    resumed run that begins there fits it again, to the same numbers.

    Args:
        data: The `ImageDataset`.
        num_components: Of the mixture.
        num_epochs: Epochs of the whole run.

    Raises:
        UsageError: There are fewer training images than components.
    """

    def __init__(self, data, num_components, num_epochs):
        super().__init__()
        self._data = data
        self._num_images = min(_MOST_IMAGES, data.num_examples["train"])
        self._epoch = num_epochs // 2
        if self._num_images < num_components:
            raise UsageError(
                f"Expected as many training images as the MixturePrior has components, "
                f"{num_components}, received {self._num_images} of {data.name}: give more images, "
                "or the prior fewer num_components."
            )

    def on_epoch_begin(self, epoch, logs=None):
        """Fits it, in the epoch for it."""
        if epoch == self._epoch:
            self.model.fit_prior(self._data.sample_images("train", self._num_images, seed=0))
