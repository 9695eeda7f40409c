"""The choice between an encoder and short Langevin chains, as a constructor's argument."""

from zoo import checks
from zoo.models.langevin_posterior import LangevinPosterior

__all__ = ["ChosenInference"]


class ChosenInference(LangevinPosterior):
    """Lets an architecture that has an encoder infer by chains instead.

    To be named before `zoo.models.tilted_prior.TiltedPrior` among the bases. A subclass calls
    `_set_inference` in its constructor, and `_add_step_size` last if `infers_by_chains`.
    """

    def _set_inference(self, inference, num_steps, step_size):
        """Checks and keeps these arguments of the constructor."""
        self.inference = checks.choice("inference", inference, ["encoder", "short_run"])
        self.num_steps = checks.integer("num_steps", num_steps)
        self._set_step_size(step_size)

    @property
    def infers_by_chains(self):
        """Whether Langevin chains stand for the encoder."""
        return self.inference == "short_run"
