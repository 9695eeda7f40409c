"""How a diffusion model's images turn into noise: the variance of each step, and what follows."""

import numpy as np

from zoo import checks
from zoo.errors import SettingError

__all__ = ["NoiseSchedule"]

_NUM_STEPS = 1000  # That the variances are given for.
_MOST_VARIANCE = 0.999
_MOST_SIGNAL = 1e-3  # Of the signal's variance that may be left at the end.


class NoiseSchedule:
    """x_t = √ā_t x_0 + √(1 - ā_t) ε, with a_t = 1 - β_t, ā_t = Π a, and β_t linear in t.

    Args:
        num_steps: T.
        variances: (first, last) β of 1000 steps; those of T are 1000/T times as large.

    Attributes:
        beta, a, signal: β_t, a_t and ā_t of t = 1..T, float64 `[T]`.
        posterior: Variances of q(x_{t-1} | x_t, x_0), β_t (1 - ā_{t-1}) / (1 - ā_t); that of t = 1,
            which is 0, is β_1.
        weight: Of ‖ε - ε_θ‖² in KL(q(x_{t-1} | x_t, x_0) ‖ p(x_{t-1} | x_t)), for t of 2 and more;
            that of t = 1 is 0.

    Raises:
        SettingError: T is below 2, the variances are none, or signal is left at T.
    """

    def __init__(self, num_steps, variances):
        checks.integer("num_steps", num_steps, least=2, why="images are noised in steps")
        first, last = _check_variances(variances)
        ratio = _NUM_STEPS / num_steps
        self.beta = np.minimum(np.linspace(first, last, num_steps) * ratio, _MOST_VARIANCE)
        self.a = 1.0 - self.beta
        self.signal = np.cumprod(self.a)
        left = self.signal[-1]
        if left > _MOST_SIGNAL:
            raise SettingError(
                "variances",
                f"such that at most {_MOST_SIGNAL:g} of the signal's variance is left at the last "
                f"step, of {num_steps}",
                variances,
                f"These leave {left:.3g}: raise the last one, as in (0.0001, 0.02).",
            )
        before = np.concatenate([[1.0], self.signal[:-1]])
        self.posterior = self.beta * (1.0 - before) / (1.0 - self.signal)
        self.posterior[0] = self.beta[0]
        self.weight = self.beta**2 / (2.0 * self.posterior * self.a * (1.0 - self.signal))
        self.weight[0] = 0.0


def _check_variances(variances):
    pair = tuple(variances) if isinstance(variances, list | tuple) else ()
    is_right = len(pair) == 2 and all(map(checks.is_number, pair)) and 0 < pair[0] <= pair[1] < 1
    if not is_right:
        raise SettingError("variances", "(first, last), rising numbers in (0, 1)", variances)
    return pair
