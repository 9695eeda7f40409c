"""The evidence lower bound, and β-VAE."""

import functools

import keras
import tensorflow as tf

from zoo import checks, papers, registry
from zoo.errors import SettingError
from zoo.objectives.objective import Objective
from zoo.schedules import Linear, Schedule

__all__ = ["ELBO"]


@registry.register("objective", package="zoo")
class ELBO(Objective):
    """Minimises distortion + β · rate, in nats an image: the negative ELBO where β = 1.

    Kingma & Welling 2014; Higgins et al. 2017 for β. The scale of a Gaussian likelihood is the
    likelihood's: fixed, learned, or (default) the running optimum σ*.

    Args:
        beta: Weight of the rate, at least 0, or a `zoo.schedules.Schedule` of it; a scheduled β is
            logged as `beta`.

    Raises:
        ValueError: `beta` is neither, or negative.

    Example:
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO(beta=0.5))
        >>> warm_up = zoo.schedules.Linear(0.0, 1.0, steps=10_000)
        >>> model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO(beta=warm_up))
    """

    citations = (papers.VAE,)
    summary = "the evidence lower bound (Kingma & Welling 2014): distortion + β · rate."
    starting_arguments = {"beta": 1.0}

    def __init__(self, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        is_constant = checks.is_number(beta) and beta >= 0
        if not is_constant and not isinstance(beta, Schedule):
            expected = "a finite number of at least 0 or a zoo.schedules.Schedule"
            raise SettingError("beta", expected, beta)
        self.beta = float(beta) if is_constant else beta
        self._beta_tracker = keras.metrics.Mean("beta")

    def check(self, model, optimizer):
        """Raises ValueError if the schedule of β is undefined for the model."""
        if isinstance(self.beta, Schedule):
            self.beta.check(model)

    def attach(self, model):
        """Creates the count of training steps that a schedule follows."""
        if not self.built and isinstance(self.beta, Schedule):
            self.num_steps = self.add_state("num_steps", 0.0)
        return super().attach(model)

    def loss(self, terms, training):
        """Returns mean(distortion + β · rate), a scalar in nats an image."""
        beta = self.current_beta()
        if training and isinstance(self.beta, Schedule):
            self.num_steps.assign_add(tf.ones([]))
        return tf.reduce_mean(terms["distortion"] + beta * terms["rate"])

    def current_beta(self):
        """β of the next step, a float or a float32 scalar."""
        if not isinstance(self.beta, Schedule):
            return self.beta
        return self.beta.value(tf.convert_to_tensor(self.num_steps), self.owner())

    def track(self, terms):
        """Logs a scheduled β."""
        if isinstance(self.beta, Schedule):
            self._beta_tracker.update_state(self.current_beta())

    @property
    def trackers(self):
        """The metric `beta`, if it is scheduled."""
        return [self._beta_tracker] if isinstance(self.beta, Schedule) else []

    @classmethod
    def examples(cls, image_shape):
        """Returns makers of tiny instances by variant: see `zoo.registry`."""
        schedule = functools.partial(Linear, 0.1, 0.9, steps=5)
        return {"": lambda: cls(beta=0.5), "scheduled": lambda: cls(beta=schedule())}
