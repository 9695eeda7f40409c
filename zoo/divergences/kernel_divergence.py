"""What the divergences that compare samples by a kernel share."""

import tensorflow as tf

from zoo import checks
from zoo.divergences.divergence import Divergence
from zoo.divergences.kernels import Kernel

__all__ = ["KernelDivergence"]


class KernelDivergence(Divergence):
    """A divergence that is a mean over pairs of samples.

    Args:
        bandwidth: As in `zoo.divergences.MMD`.
        estimator: `"unbiased"`: no sample is paired with itself; or `"biased"`.
        kernel: As in `zoo.divergences.MMD`.

    Raises:
        ValueError: Not among these.
    """

    def __init__(self, bandwidth="multiscale", estimator="unbiased", kernel="rbf", **kwargs):
        super().__init__(**kwargs)
        self._kernel = Kernel(kernel, bandwidth)
        checks.choice("estimator", estimator, ("unbiased", "biased"))
        self.bandwidth = bandwidth
        self.estimator = estimator
        self.kernel = kernel

    def _check_number(self, samples):
        """Raises ValueError if there are too few samples, where their number is known."""
        least = 1 if self.estimator == "biased" else 2
        if samples.shape[0] is not None and samples.shape[0] < least:
            raise ValueError(
                f"{type(self).__name__} with the {self.estimator} estimator needs at least {least} "
                f"samples. Received: {tuple(samples.shape)}"
            )

    def _has_pairs(self, samples):
        """1, or 0 where the unbiased estimator has a single sample (a last batch): no pair.

        A float32 scalar.
        """
        if self.estimator == "biased":
            return tf.ones([])
        return tf.cast(tf.shape(samples)[0] > 1, tf.float32)

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        arguments = {"estimator": "biased", "kernel": "inverse_multiquadric"}
        return {"": lambda: cls(bandwidth=[2.0, 6.0], **arguments)}
