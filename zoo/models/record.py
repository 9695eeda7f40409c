"""What an architecture says about a batch: named terms for each example, nothing summed up."""

import dataclasses
import functools
from typing import NamedTuple

import tensorflow as tf

__all__ = ["Inference", "Record"]


class Inference(NamedTuple):
    """A draw of the latents of a batch, and what was spent on it: tensors alone.

    Attributes:
        latents: Tuple of float32 tensors `[B, ...]`, one a group of latents.
        rate: KL(q(z|x) ‖ p(z)) in nats, `[B]`; in a hierarchy the sum over groups, each exact
            given the groups drawn before it; of a flow log q(z|x) - log p(z) at the drawn z, whose
            mean over draws it is.
        log_posterior: log q(z|x) of the drawn latents, in nats, `[B]`.
        log_prior: log p(z) of the drawn latents, in nats, `[B]`.
        parameters: Parameters of the likelihood p(x|z), `[B, ...]`.
        earlier_parameters: In a model that draws an image in steps, each of which shall resemble
            the data, those of the steps before the last. They count in the distortion alone.
        measures: What a step also logs of this architecture, `[B]` each, by name.
        expected_distortion: The mean of -log p(x|z) under q(z|x) in nats, `[B]`, of a model that
            knows it: the distortion then is this, and not that of the draw. None otherwise.
    """

    latents: tuple
    rate: tf.Tensor
    log_posterior: tf.Tensor
    log_prior: tf.Tensor
    parameters: tf.Tensor
    earlier_parameters: tuple = ()
    measures: dict = {}
    expected_distortion: tf.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Record:
    """An `Inference` with the batch it came from, as an objective and a constraint see it.

    Attributes:
        latents, rate, log_posterior, log_prior: As in `Inference`.
        likelihood: p(x|z), a TFP distribution over images.
        earlier_likelihoods: In a model that draws an image in steps, each of which shall resemble
            the data, p(x|z) of the steps before the last.
        images: The batch, float32 `[B, H, W, C]` in [0, 1].
        labels: The batch's labels, or None.
        context: The batch's context images, float32 `[B, ...]`, or None.
        tolerance: The tolerance of each row of a model with a range, float32 `[B]`, or None.
        measures: As in `Inference`, and what a step adds to them.
        expected_distortion: As in `Inference`.
        seen: Which pixels are seen, 1, or hidden, 0, float32 `[B, H, W, 1]`; None: all. The
            likelihood is then that of the seen ones.

    Example:
        >>> record = model.infer(images, seed=0)
        >>> record.rate, record.distortion  # nats, [B] each
        >>> record.reconstruction           # [B, 28, 28, 1] in pixel units
        >>> tf.sqrt(record.squared_error)   # the root mean squared error of each image, [B]
    """

    latents: tuple
    rate: tf.Tensor
    log_posterior: tf.Tensor
    log_prior: tf.Tensor
    likelihood: object
    earlier_likelihoods: tuple = ()
    images: tf.Tensor = None
    labels: tf.Tensor | None = None
    context: tf.Tensor | None = None
    tolerance: tf.Tensor | None = None
    measures: dict = dataclasses.field(default_factory=dict)
    expected_distortion: tf.Tensor | None = None
    seen: tf.Tensor | None = None

    @functools.cached_property
    def reconstruction(self):
        """Means of the likelihood, `[B, H, W, C]` in pixel units."""
        return self.likelihood.mean()

    @functools.cached_property
    def distortion(self):
        """-log p(x|z) in nats, `[B]`; the sum over all steps that shall resemble the data.

        At the drawn latents, or its mean under q(z|x) where the model knows it.
        """
        if self.expected_distortion is not None:
            return self.expected_distortion
        likelihoods = (*self.earlier_likelihoods, self.likelihood)
        return -sum(likelihood.log_prob(self.images) for likelihood in likelihoods)

    @functools.cached_property
    def squared_error(self):
        """Mean over seen pixels of (x - reconstruction)², `[B]`, in squared pixel units."""
        squares, axes = (self.images - self.reconstruction) ** 2, (1, 2, 3)
        if self.seen is None:
            return tf.reduce_mean(squares, axes)
        return tf.reduce_mean(self.seen * squares, axes) / tf.reduce_mean(self.seen, axes)
