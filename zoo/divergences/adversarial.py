"""A divergence learned by a discriminator between q(z) and p(z)."""

import functools
import weakref

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.divergences.divergence import Divergence, flatten_latents
from zoo.fused_adam import fuse

__all__ = ["Adversarial"]


@registry.register("divergence", package="zoo.divergences")
class Adversarial(Divergence):
    """KL(q(z) ‖ p(z)) in nats, as a discriminator between their samples estimates it.

    InfoVAE (Zhao, Song & Ermon 2019), "adversarial training"; Makhzani et al. 2016. A network
    T(z) learns to tell q(z) from p(z) by logistic regression, whose optimum is the log density
    ratio log q(z) - log p(z); so D = E_q T(z) tends to KL(q ‖ p), and its gradient with T fixed to
    that of the KL (Mescheder et al. 2017). [choice] KL, where the paper has the Jensen-Shannon
    divergence of the original game: it is in the unit of the rate, and its gradient does not
    vanish where the two are easy to tell apart.

    Each training step of the model ends with one of the discriminator, on the same samples; an
    estimate is thus always made by a discriminator that has not learned from them. It lags behind
    a q(z) that moves, and underestimates a large KL (`benchmarks/divergences.py`: 10.8 nats for
    20.4 at d = 64 after 1000 steps). A learned prior is not moved by it: that is left to the rate,
    which `alpha=1` switches off. Where D outweighs all else (`alpha=1` and a large `lambda_`), q(z)
    and the discriminator can chase each other without end, as in any such game: leave some rate, or
    give the discriminator a higher learning rate than the model.

    The discriminator and its optimiser's state are saved with the model. An exported model keeps
    the discriminator; `zoo.load` starts its optimiser afresh, as it does the model's.

    Args:
        hidden_units: Units of the discriminator's hidden layers.
        optimizer: A Keras optimiser or its name, made anew from its configuration for each model;
            None means Adam with a learning rate of 1e-3.

    Raises:
        ValueError: `hidden_units` has something else than ints of at least 1.

    Example:
        >>> zoo.InfoVAE(alpha=0.5, divergence=zoo.divergences.Adversarial(hidden_units=(64,)))
    """

    citations = (papers.ADVERSARIAL,)

    def __init__(self, hidden_units=(128, 128), optimizer=None, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = checks.integers("hidden_units", hidden_units)
        self.optimizer = keras.optimizers.get(optimizer or keras.optimizers.Adam(1e-3))
        self.discriminator = None
        self._owner = None

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        make_optimizer = functools.partial(keras.optimizers.SGD, 0.1, momentum=0.9)
        return {"": lambda: cls(hidden_units=(5,), optimizer=make_optimizer())}

    def attach(self, model):
        """Creates the discriminator and its optimiser's state; does nothing the second time.

        Raises:
            ValueError: It is another model's already.
        """
        if self._owner is not None and self._owner() is not model:
            raise ValueError(
                "This Adversarial already belongs to another model, whose discriminator it holds. "
                f"Make a new one for {model.name!r}."
            )
        object.__setattr__(self, "_owner", weakref.ref(model))
        if self.discriminator is None:
            context = model.context_shape and tf.zeros([1, *model.context_shape])
            latents = model.sample_prior(1, seed=0, context=context)
            self.create(sum(int(np.prod(group.shape[1:])) for group in latents))

    def create(self, dimension):
        """Creates the discriminator of samples `[N, dimension]`, and its optimiser's state."""
        self.discriminator = _make_discriminator(dimension, self.hidden_units)
        # An optimiser has variables from the start; under a strategy they must be made in scope.
        config = keras.saving.serialize_keras_object(self.optimizer)
        self.optimizer = keras.saving.deserialize_keras_object(config)
        self.optimizer.build(self.discriminator.trainable_variables)
        fuse(self.optimizer)

    def logits(self, samples):
        """Returns T(z), estimating log q(z) - log p(z), for samples `[N, d]`, in nats `[N]`."""
        # With the squares, the ratio of any two diagonal normals is linear in the inputs.
        features = tf.concat([samples, samples**2 - 1.0], axis=1)
        return self.discriminator(features)[:, 0]

    def call(self, samples, other_samples=None):
        """Estimates KL of the samples' distribution from the other, in nats, a float32 scalar.

        The discriminator is taken as it is: `train` it before.

        Raises:
            ValueError: There is no discriminator yet, or it takes another dimension.
        """
        if self.discriminator is None:
            raise ValueError(
                f"This Adversarial has no discriminator yet: call create({samples.shape[-1]}), "
                "train it on batches of both samples, then ask."
            )
        dimension = self.discriminator.input_shape[-1] // 2
        if samples.shape[-1] != dimension:
            raise ValueError(
                f"This Adversarial's discriminator takes samples [N, {dimension}]. "
                f"Received: {tuple(samples.shape)}"
            )
        return tf.reduce_mean(self.logits(samples))

    def train(self, samples, other_samples):
        """Does one step of the discriminator on samples of q(z) and of p(z), each `[N, d]`.

        Under a strategy each replica brings its own rows; the step is that of all together.
        """
        samples, other_samples = tf.stop_gradient(samples), tf.stop_gradient(other_samples)
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        with tf.GradientTape() as tape:
            of_samples = tf.reduce_mean(tf.nn.softplus(-self.logits(samples)))
            of_others = tf.reduce_mean(tf.nn.softplus(self.logits(other_samples)))
            # Keras's optimisers sum gradients over replicas.
            loss = (of_samples + of_others) / replicas
        weights = self.discriminator.trainable_weights
        self.optimizer.apply(tape.gradient(loss, weights), weights)

    def terms(self, model, record, noise):
        """Returns T(z) of each example, `[B]`, and what the discriminator learns from."""
        latents = flatten_latents(record.latents)
        prior = tf.stop_gradient(self.draw_prior(model, record, noise))
        return {"divergence": self.logits(latents), "latents": latents, "prior_latents": prior}

    def after_step(self, terms):
        """Trains the discriminator on the step's samples."""
        self.train(terms["latents"], terms["prior_latents"])


def _make_discriminator(dimension, hidden_units):
    layers = [keras.Input((2 * dimension,))]
    for index, units in enumerate(hidden_units):
        name = f"discriminator_{index}"
        layers.append(keras.layers.Dense(units, "relu", dtype="float32", name=name))
    # From 0: before it has learned anything it has nothing to say to the encoder.
    head = {"kernel_initializer": "zeros", "dtype": "float32", "name": "discriminator_logit"}
    layers.append(keras.layers.Dense(1, **head))
    return keras.Sequential(layers, name="discriminator")
