"""The unweighted objective of diffusion models (Ho, Jain & Abbeel 2020)."""

import tensorflow as tf

from zoo import papers, registry
from zoo.objectives.objective import Objective

__all__ = ["SimpleDiffusion"]


@registry.register("objective", package="zoo")
class SimpleDiffusion(Objective):
    """Minimises the error of the noise that a `zoo.Diffusion` predicts, alike at every step.

    The variational bound weights the steps of little noise, which samples hardly show, by far the
    most. Without its weights samples are better and the bound is looser (Ho, Jain & Abbeel 2020).

    Example:
        >>> model = zoo.Diffusion((28, 28, 1))
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.SimpleDiffusion())
    """

    citations = (papers.DIFFUSION,)
    summary = "the unweighted error of the noise (Ho, Jain & Abbeel 2020)."

    def check(self, model, optimizer):
        """Raises ValueError for a model that predicts no noise."""
        if not hasattr(model, "predict_noise"):
            raise ValueError(
                "SimpleDiffusion is the error of a predicted noise, which a "
                f"{type(model).__name__} has not: it trains zoo.Diffusion alone. Choose another "
                "objective, such as zoo.ELBO()."
            )

    def terms(self, model, record, noise=None):
        """Returns the mean squared error of the noise, `[B]`."""
        return {"denoising_error": record.measures["denoising_error"]}

    def loss(self, terms, training):
        """Returns the mean error, a scalar: 1 of a model that knows nothing."""
        return tf.reduce_mean(terms["denoising_error"])

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": cls}
