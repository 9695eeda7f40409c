"""Training without a regulariser (Towards Deeper Understanding of VAEs)."""

import tensorflow as tf

from zoo import papers, registry
from zoo.objectives.objective import Objective

__all__ = ["Unregularised"]


@registry.register("objective", package="zoo")
class Unregularised(Objective):
    """Minimises the distortion alone, -log p(x|z) in nats an image: the ELBO with weight 0.

    The member of the family E_q[log p(x|z)] - weight · R(q) that leaves the posterior free (Zhao,
    Song & Ermon 2017, "general family"). Latents then keep all they can of the image, and samples
    of the prior mean nothing: for a powerful decoder, such as PixelVAE's, sample by the Markov
    chain of encoding and decoding. The rate is still logged.

    Example:
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.Unregularised())
    """

    citations = (papers.DEEPER_UNDERSTANDING,)
    summary = (
        "the distortion alone (Zhao, Song & Ermon 2017): samples of the prior mean nothing, so "
        "sample by the chain of encoding and decoding."
    )
    is_regularised = False

    def loss(self, terms, training):
        """Returns mean(distortion), a scalar in nats an image."""
        # With the rate at weight 0 the weights that only it would train (of a learned prior) have
        # a gradient, of 0: Keras warns of weights without any.
        return tf.reduce_mean(terms["distortion"] + 0.0 * terms["rate"])

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        return {"": cls}
