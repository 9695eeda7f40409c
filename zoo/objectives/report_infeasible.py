"""A callback that says which constraints a model does not seem able to meet."""

import logging

import keras

__all__ = ["ReportInfeasible"]

_LOG = logging.getLogger(__name__)


class ReportInfeasible(keras.callbacks.Callback):
    """Warns once for each constraint that the model does not seem able to meet."""

    def __init__(self, objective):
        super().__init__()
        self._objective = objective
        self._reported = set()

    def on_epoch_end(self, epoch, logs=None):
        """Warns of the constraints that are new among them."""
        for name in set(self._objective.infeasible()) - self._reported:
            self._reported.add(name)
            _LOG.warning(
                "After epoch %d the tolerance of %s is not met, though its multiplier has risen to "
                "%.3g: this model does not seem able to meet it. Loosen it, or give the model more "
                "capacity or more time.",
                epoch + 1,
                name,
                self._objective.multipliers[name],
            )
