"""The evidence lower bound, and β-VAE."""

import keras
import tensorflow as tf

from zoo.objectives.objective import Objective

__all__ = ["ELBO"]


@keras.saving.register_keras_serializable("zoo")
class ELBO(Objective):
    """Minimises distortion + β · rate, in nats an image: the negative ELBO where β = 1.

    Kingma & Welling 2014; Higgins et al. 2017 for β.

    Args:
        beta: Weight of the rate, at least 0.

    Raises:
        ValueError: `beta` is negative.

    Example:
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO(beta=0.5))
    """

    def __init__(self, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(beta, int | float) or not beta >= 0:
            raise ValueError(f"beta must be a number of at least 0. Received: beta={beta!r}")
        self.beta = float(beta)

    def loss(self, terms, training):
        """Gives mean(distortion + β · rate), a scalar in nats an image."""
        del training
        return tf.reduce_mean(terms["distortion"] + self.beta * terms["rate"])

    def get_config(self):
        """Gives the constructor's arguments."""
        return {"name": self.name, "beta": self.beta}
