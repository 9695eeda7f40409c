"""The step size of a model's Langevin chains: a number, or moved by training."""

import keras
import numpy as np
import tensorflow as tf

from zoo import checks, random
from zoo.chains.variational_step import choose_step_size
from zoo.errors import SettingError
from zoo.models.chain_divergence import warn_of_divergence
from zoo.objectives.objective import mean_over_replicas

__all__ = ["CHAIN", "ChainStepSize"]

CHAIN = 1  # Tag of the noise of a chain's steps.

_OF_CHOICES = 2  # Beside the noise of training and evaluation.
_FIRST_STEP_SIZE = 0.1
_LEAST_STEP_SIZE, _MOST_STEP_SIZE = 1e-4, 2.0
# The step size that accepts so often comes near the best of every number of steps [derived].
_ACCEPTANCE, _RATE = 0.85, 0.1
# Of the paper's criterion, which is dear: steps from one choice to the next, and images of each.
_PERIOD, _NUM_COMPARED = 50, 8
_RULES = ("acceptance", "variational")


class ChainStepSize:
    """Keeps the step size of `zoo.models.langevin_posterior`, and moves it where a rule does.

    Asks its class for `infers_by_chains`, `num_steps`, `_start` and `_target`.
    """

    def _set_step_size(self, step_size):
        """Checks and keeps the constructor's argument, a number or the name of a rule."""
        if not (isinstance(step_size, str) and step_size in _RULES):
            if not checks.is_number(step_size) or step_size <= 0:
                expected = "a number above 0, 'acceptance' or 'variational'"
                raise SettingError("step_size", expected, step_size)
            step_size = float(step_size)
        self.step_size = step_size

    def _add_step_size(self):
        """Makes the saved step size that training moves, if it does."""
        first = _FIRST_STEP_SIZE if self.step_size in _RULES else self.step_size
        self.log_step_size = self.add_weight(
            name="log_step_size",
            initializer=keras.initializers.Constant(np.log(first)),
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="mean",
        )

    @property
    def _step_size_tensor(self):
        return tf.exp(tf.convert_to_tensor(self.log_step_size))

    @property
    def current_step_size(self):
        """S of the chains as it is now, a float, in the latents' unit."""
        return float(np.exp(keras.ops.convert_to_numpy(self.log_step_size)))

    def _after_step(self, terms, record):
        super()._after_step(terms, record)
        if not self.infers_by_chains or self.step_size not in _RULES:
            return
        moved = self._by_acceptance if self.step_size == "acceptance" else self._by_criterion
        moved = mean_over_replicas(moved(record))
        bounds = np.log([_LEAST_STEP_SIZE, _MOST_STEP_SIZE]).astype(np.float32)
        self.log_step_size.assign(tf.clip_by_value(moved, *bounds))

    def _by_acceptance(self, record):
        mean = tf.reduce_mean(record.measures["acceptance"])
        return tf.convert_to_tensor(self.log_step_size) + _RATE * (mean - _ACCEPTANCE)

    def _by_criterion(self, record):
        """Chooses anew by the first images of a batch in each of `_PERIOD` steps."""
        log_step_size = tf.convert_to_tensor(self.log_step_size)
        count = self._step_count.current(self.optimizer)  # 1 after the first update.
        images = record.images[:_NUM_COMPARED]
        mask = None if record.seen is None else record.seen[:_NUM_COMPARED, ..., 0]
        num_rows = images.shape[0] or tf.shape(images)[0]
        own_seed = random.derive(self._noise_seed, _OF_CHOICES)

        def choose():
            noise = random.StepNoise(random.derive(own_seed, count), num_rows)
            given = self._target(images, None, mask), self._start(noise), noise.fold(CHAIN)
            return tf.math.log(choose_step_size(*given, self.num_steps, tf.exp(log_step_size)))

        return tf.cond(count % _PERIOD == 1, choose, lambda: log_step_size)

    def own_callbacks(self, callbacks):
        """Adds the one that warns of chains that diverge."""
        own = [_WarnOfDivergence()] if self.infers_by_chains else []
        return [*super().own_callbacks(callbacks), *own]


class _WarnOfDivergence(keras.callbacks.Callback):
    """Says after an epoch which step size would have been stable, if most chains' was not."""

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        warn_of_divergence(
            "posterior",
            logs.get("posterior_stiff", 0.0),
            self.model.current_step_size,
            lambda: 0.9 * logs["stable_step"],
            "Make the model with step_size=%.2g.",
        )
