"""What a `zoo.EnergyPrior` adds to a `zoo.LatentImageModel`."""

import contextlib
import dataclasses

import keras
import numpy as np
import tensorflow as tf

from zoo import random
from zoo.base.compiled import compiled, uncompiled
from zoo.distributions import normals
from zoo.errors import SettingError
from zoo.models.chain_divergence import is_stiff, warn_of_divergence
from zoo.models.energy_prior import EnergyPrior

__all__ = ["TiltedPrior", "check_prior"]

_NUM_CHAINS = 1000  # To see how stiff the energy is.


class TiltedPrior:
    """Adds to an architecture what an energy-based prior asks for, and nothing to one without.

    To be named before `zoo.LatentImageModel` among the bases. The energy tilts the law of the
    standard normal noise that latents are made of, `_noise_of(latents, context)`.
    """

    _priors = (EnergyPrior,)  # Classes of priors that learn which the architecture takes.
    _to_latents = None  # Maps the noise to what the energy is of, if that is not the noise itself.

    @property
    def energy(self):
        """The `zoo.EnergyPrior`, or None."""
        prior = getattr(self, "prior", None)
        return prior if isinstance(prior, EnergyPrior) else None

    def _set_prior(self, prior):
        """Checks and keeps the constructor's argument, "standard_normal" or one of `_priors`."""
        check_prior(prior, self._priors)
        if prior != "standard_normal" and self.tolerances is not None:
            raise ValueError(
                f"A model with tolerance_range has another law of latents for each tolerance, and "
                f"{type(prior).__name__} is one law: leave out prior=, or tolerance_range=."
            )
        self.prior = prior

    def _draw_noise(self, noise, temperature):
        """Draws what the prior makes latents of, by a chain if it has an energy."""
        if self.energy is not None:
            return self._chain(noise, temperature).latents
        return tuple(
            tf.reshape(temperature, [-1] + [1] * len(shape)) * noise.normal(shape, stream=index)
            for index, shape in enumerate(self._noise_shapes)
        )

    def _chain(self, noise, temperature):
        return self.energy.chain(noise, temperature, self._to_latents)

    def _latents_of(self, noise):
        """Returns what the noise that chains walk in stands for."""
        return noise if self._to_latents is None else self._to_latents(noise)

    def _exponent_of(self, latents, context):
        """Returns f at latents of the model, in nats, `[B]`."""
        return self.energy.exponent(self._noise_of(latents, context))

    def _contrast(self, noise):
        """Returns f at draws of the prior, and what has the gradient of log Z there, `[B]` each."""
        exponent = self.energy.exponent(noise)
        return exponent, exponent

    def _log_base(self, latents):
        """Returns log p(z) of the prior without an energy, in nats, `[B]`."""
        return normals.standard_log_prob(latents)

    def _log_prior(self, latents, context, **given):
        """Returns log p(z), with an energy's share, in nats, `[B]`."""
        log_prior = self._log_base(latents)
        return log_prior if self.energy is None else log_prior + self.energy.log_ratio(latents)

    def _tilted(self, inference, context=None):
        """Returns an `Inference` whose prior had no energy with the energy's share."""
        if self.energy is None:
            return inference
        exponent = self._exponent_of(inference.latents, context)
        share = exponent - tf.convert_to_tensor(self.energy.log_z)
        return inference._replace(
            rate=inference.rate - share,
            log_prior=inference.log_prior + share,
            measures=inference.measures | {"exponent": exponent},
        )

    # === Training ===

    def _compare_with_prior(self, record, noise):
        """Adds to the rate the gradient of log Z, which is one at draws of the prior; value 0."""
        if self.energy is None:
            return record
        chain = self._chain(noise, tf.ones_like(record.rate))
        drawn, at_draws = self._contrast(chain.latents)
        measures = dict(record.measures)
        of_data = measures.pop("exponent")
        gradient = at_draws
        if self.energy.penalty:
            latents = tuple(map(tf.stop_gradient, record.latents))
            squares = self._exponent_of(latents, record.context) ** 2 + drawn**2
            gradient += self.energy.penalty * squares
        return dataclasses.replace(
            record,
            rate=record.rate + (gradient - tf.stop_gradient(gradient)),
            measures=measures
            | {
                "prior_gap": of_data - drawn,
                "prior_stiff": is_stiff(chain, self.energy.step_size),
            },
        )

    @property
    def _measure_names(self):
        own = () if self.energy is None else ("prior_gap", "prior_stiff")
        return (*super()._measure_names, *own)

    def own_callbacks(self, callbacks):
        """Adds the one that keeps log Z up to date."""
        found = super().own_callbacks(callbacks)
        return found if self.energy is None else [*found, _KeepLogZ()]

    # === The normalising constant ===

    def estimate_log_z(self, seed=0):
        """Estimates log Z of the energy-based prior and stores it with the weights.

        By annealed importance sampling with 1000 chains; `fit` does so at each epoch's end and
        `export` at its beginning.

        Args:
            seed: An int or int32 `[2]`, of the chains.

        Returns:
            log Z and its standard error, two floats, in nats.

        Raises:
            ValueError: The model has no EnergyPrior.

        Example:
            >>> model = zoo.ConvVAE((28, 28, 1), latent_dim=2, prior=zoo.EnergyPrior(num_steps=2))
            >>> log_z, error = model.estimate_log_z()  # nats
        """
        self._check_energy()
        # Where training is not compiled, neither is this: it is hardly ever done.
        is_eager = getattr(self, "run_eagerly", False)
        with uncompiled() if is_eager else contextlib.nullcontext():
            return self.energy.store_log_z(self._run_log_weights(random.as_seed(seed)))

    @compiled
    def _run_log_weights(self, seed):
        return self.energy.annealed_log_weights(seed, self._to_latents)

    def _export(self, *args, **kwargs):
        if self.energy is not None:
            self.estimate_log_z()
        super()._export(*args, **kwargs)

    def stable_step_size(self, seed=0):
        """Returns the step size below which 95% of the prior's chains end stable, a float.

        Args:
            seed: An int or int32 `[2]`, of the chains.

        Raises:
            ValueError: The model has no EnergyPrior.

        Example:
            >>> model = zoo.ConvVAE((28, 28, 1), latent_dim=2, prior=zoo.EnergyPrior(num_steps=2))
            >>> model.stable_step_size()  # EnergyPrior(step_size=...) should be below
        """
        self._check_energy()
        return float(np.quantile(self._run_stable_steps(random.as_seed(seed)), 0.05))

    def _check_energy(self):
        if self.energy is None:
            raise ValueError(
                f"This {type(self).__name__} was made without a zoo.EnergyPrior. Make one with "
                "prior=zoo.EnergyPrior(), or a copy by zoo.with_energy_prior(model)."
            )

    @compiled
    def _run_stable_steps(self, seed):
        noise = random.BatchNoise(seed, _NUM_CHAINS)
        return self._chain(noise, tf.ones([_NUM_CHAINS])).stable_step


class _KeepLogZ(keras.callbacks.Callback):
    """Estimates log Z before each validation, or at the end of an epoch without; logs it."""

    _log_z = None  # Of the weights as they are.

    def on_epoch_begin(self, epoch, logs=None):
        self._log_z = None

    def on_test_begin(self, logs=None):
        self._refresh()

    def on_epoch_end(self, epoch, logs=None):
        self._refresh()
        model = self.model
        logs["log_z"] = self._log_z
        warn_of_divergence(
            "prior",
            logs.get("prior_stiff", 0.0),
            model.energy.step_size,
            model.stable_step_size,
            "Train with EnergyPrior(step_size=%.2g).",
        )

    def _refresh(self):
        if self._log_z is None:
            self._log_z, _ = self.model.estimate_log_z()


def check_prior(prior, kinds):
    """Refuses as `prior` what is neither "standard_normal" nor of one of some classes.

    Raises:
        SettingError: It is neither.
    """
    if prior != "standard_normal" and not isinstance(prior, kinds):
        names = " or ".join(f"a zoo.{kind.__name__}" for kind in kinds)
        raise SettingError("prior", f"'standard_normal' or {names}", prior)
