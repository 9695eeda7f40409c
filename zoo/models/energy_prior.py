"""An energy-based prior: a normal that a small network tilts towards where the latents are."""

import re

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, papers, random, registry
from zoo.base.precision import global_policy
from zoo.chains import annealed_log_weights, inverse_temperatures, langevin, log_mean
from zoo.configured import Configured
from zoo.distributions import normals
from zoo.errors import SettingError

__all__ = ["EnergyPrior"]

_CHAIN = 0  # Tag of the noise of a chain's steps.
_NUM_CHAINS = 1000  # That estimate log Z.
_SLOPE = 0.2  # Of the leaky ReLU, as the authors have it.
# f is a fifth of its network, since the authors' f learns at a fifth of the decoder's rate and one
# Adam for both would scale a gradient back [choice].
_SHARE = 0.2


@registry.register("prior", package="zoo")
class EnergyPrior(Configured, keras.layers.Layer):
    """The prior p(z) = exp(f(z)) N(z; 0, I) / Z, f a small network that learns with the rest.

    Pang, Han, Nijkamp, Zhu & Wu 2020, "Learning Latent Space Energy-Based Prior Model"; plus f is
    log-density, where some write the energy -f. A normal prior leaves holes between the latents of
    the data, from which samples look like nothing; f learns to be low there, by the contrast

        ∂ log p(x) = E ∂f(z⁺) - E ∂f(z⁻),  z⁺ from the posterior, z⁻ from the prior.

    z⁻ are the ends of short Langevin chains (`zoo.sampling.langevin`) from N(0, I), fresh at each
    step, and so are samples: the law of such a chain belongs to the trained model. The model's
    `rate` is log q(z|x) - log p(z) in nats as ever, with that gradient, so that every objective
    works unchanged.

    log Z, with its standard error, is estimated by annealed importance sampling with 1000 chains at
    the end of each epoch of `fit`, at `export` and by `model.estimate_log_z()`, and saved with the
    weights: in between, rates and log-densities are off by what it changed. f begins at 0, with
    log Z = 0 [choice].

    `fit` logs `prior_gap`, the mean of f(z⁺) - f(z⁻), which hovers about 0 and drifts away where
    the chains no longer reach what f says; `prior_stiff`, the share of chains that end where their
    step is too large to be stable, of which it warns; and `log_z`.

    Args:
        hidden_units: Units of each hidden layer of f's network, leaky ReLU.
        num_steps: Langevin steps K of a chain.
        step_size: Langevin step s, in the latents' unit.
        network: A Keras model of your own, from latents `[B, d]`, all of them side by side, to one
            number a row, `[B, 1]`; f is a fifth of it. It is called as in inference always.
        num_temperatures: Steps of the annealing by which log Z is found; each takes 10 gradients.
        penalty: c of the term c (f(z⁺)² + f(z⁻)²) that f also minimises, at least 0. Where an
            encoder learns with f from the start, latents can flee to where chains do not follow,
            `prior_gap` grows, and f without bound: c keeps f within some 1 / 2c [choice].

    Attributes:
        log_z: log Z, a float32 variable, nats.
        log_z_error: Its standard error, a float32 variable, nats.

    Raises:
        ValueError: A number below 1, a step size that is not above 0, or a network that does not
            give one number a row.

    Example:
        >>> model = zoo.ConvVAE((28, 28, 1), latent_dim=32, prior=zoo.EnergyPrior())
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
        >>> model.fit(images, epochs=10)
        >>> model.sample(16, seed=0)  # 60 Langevin steps each
    """

    citations = (papers.ENERGY_PRIOR,)

    def __init__(
        self,
        hidden_units=(200, 200),
        num_steps=60,
        step_size=0.4,
        network=None,
        num_temperatures=50,
        penalty=0.0,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.hidden_units = checks.integers("hidden_units", hidden_units)
        self.num_steps = checks.integer("num_steps", num_steps)
        self.step_size = checks.number("step_size", step_size, above=0)
        self.num_temperatures = checks.integer("num_temperatures", num_temperatures)
        self.penalty = checks.number("penalty", penalty, least=0)
        if network is not None and not isinstance(network, keras.layers.Layer):
            raise SettingError("network", _expected("d"), network)
        self.network = network

    @property
    def card(self):
        """The model card's sentence."""
        network = (
            "a network of its own"
            if self.network is not None
            else (f"a network of {' and '.join(map(str, self.hidden_units))} hidden units")
        )
        return (
            "energy-based (Pang et al. 2020): exp(f(z)) N(z; 0, I) / Z, with "
            f"{network}; samples are {self.num_steps} Langevin steps of {self.step_size:g}"
        )

    def attach(self, shapes, apart=False):
        """Makes the networks and the state.

        Args:
            shapes: Of the rows of each group of latents.
            apart: Whether f is a sum of functions of each group, each with a network of its own.

        Raises:
            ValueError: It is another model's prior, or its network does not fit.
        """
        if self.built:
            raise ValueError(
                "This EnergyPrior already belongs to another model, whose latents it has learnt. "
                "Make a new one."
            )
        self.shapes = [tuple(shape) for shape in shapes]
        self._apart = apart
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        if self.network is None:
            sizes = sizes if apart else [sum(sizes)]
            self._networks = [self._make_network(size) for size in sizes]
        elif apart:
            raise ValueError(
                "network= is one function of all latents, and this model has one of each layer: "
                "leave it out, and give their sizes by hidden_units=."
            )
        else:
            self._check_network(sum(sizes))
            self._networks = [self.network]
        for name in ("log_z", "log_z_error"):
            value = self.add_weight(
                name=name, initializer="zeros", trainable=False, aggregation="mean"
            )
            setattr(self, name, value)
        self.built = True

    def _make_network(self, size):
        with global_policy("float32"):
            hidden = [
                layer
                for units in self.hidden_units
                for layer in (keras.layers.Dense(units), keras.layers.LeakyReLU(_SLOPE))
            ]
            # A constant in f is one in log Z, and changes nothing.
            last = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
            return keras.Sequential([keras.Input((size,)), *hidden, last])

    def _check_network(self, size):
        try:
            received = self.network(keras.KerasTensor((None, size)))
        except Exception as error:  # Whatever a layer raises.
            what = f"a network that cannot be called on them: {_reason(error)}"
        else:
            shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), received)
            if shapes == (None, 1):
                return
            what = f"a network with output {shapes}"
        raise ValueError(f"network must be {_expected(size)}. Received: {what}") from None

    # === Densities ===

    def exponent(self, latents):
        """Returns f(z) in nats, `[B]`, for a tuple of latents."""
        rows = [tf.reshape(z, [-1, np.prod(s)]) for z, s in zip(latents, self.shapes, strict=True)]
        seen = rows if self._apart else [tf.concat(rows, axis=1)]
        pairs = zip(self._networks, seen, strict=True)
        values = [tf.cast(network(z, training=False), tf.float32) for network, z in pairs]
        return _SHARE * tf.reshape(tf.add_n(values), [-1])

    def log_ratio(self, latents):
        """Returns log p(z) - log N(z; 0, I), which is f(z) - log Z, in nats, `[B]`."""
        return self.exponent(latents) - tf.convert_to_tensor(self.log_z)

    # === Samples ===

    def chain(self, noise, temperature, to_latents=None):
        """Runs the chains from N(0, τ²) that stand for draws of the prior.

        Args:
            noise: Noise of `zoo.random` for B rows; of its streams as many as there are groups of
                latents are drawn.
            temperature: τ, `[B]`: scales start and noise.
            to_latents: Maps the normal noise that the chains walk in to the latents that f is of;
                None where these are one.

        Returns:
            A `zoo.sampling.LangevinChain`, of the noise.
        """
        exponent = self._of_noise(to_latents)
        start = self._start(noise)
        scaled = tuple(tf.reshape(temperature, [-1] + [1] * len(s)) * z for s, z in start)

        def log_density(latents):
            return exponent(latents) + normals.standard_log_prob(latents)

        noise = noise.fold(_CHAIN)
        return langevin(log_density, scaled, noise, self.num_steps, self.step_size, temperature)

    def _of_noise(self, to_latents):
        return self.exponent if to_latents is None else lambda z: self.exponent(to_latents(z))

    def _start(self, noise):
        return [(s, noise.normal(s, stream=i)) for i, s in enumerate(self.shapes)]

    # === The normalising constant ===

    def annealed_log_weights(self, seed, to_latents=None):
        """Returns log-weights whose mean weight is Z, `[1000]`, in nats.

        Args:
            seed: int32 `[2]`.
            to_latents: As in `chain`.
        """
        exponent = self._of_noise(to_latents)
        noise = random.BatchNoise(seed, _NUM_CHAINS)
        start = tuple(z for _, z in self._start(noise))
        betas = tf.constant(inverse_temperatures(self.num_temperatures))
        weights, _ = annealed_log_weights(
            lambda latents: (normals.standard_log_prob(latents), exponent(latents)),
            start,
            noise,
            betas,
        )
        return weights

    def store_log_z(self, log_weights):
        """Sets `log_z` and `log_z_error` by what `annealed_log_weights` gave; returns them."""
        value, error = log_mean(log_weights)
        self.log_z.assign(value)
        self.log_z_error.assign(error)
        return value, error

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        sizes = {"num_steps": 3, "step_size": 0.3, "num_temperatures": 3}

        def own_network():
            layers = [keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)]
            return cls(network=keras.Sequential(layers), penalty=0.01, **sizes)

        return {"": lambda: cls(hidden_units=(4,), **sizes), "own_network": own_network}


def _reason(error):
    """Returns the line of an error that says why; Keras puts others and colours around it."""
    text = str(error).rpartition("Error encountered:")[2]
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in text.splitlines()]
    said = (line for line in lines if line and not line.startswith("Exception encountered"))
    return next(said, type(error).__name__)


def _expected(size):
    return f"a Keras model from latents [batch, {size}] to one number a row, [batch, 1]"
