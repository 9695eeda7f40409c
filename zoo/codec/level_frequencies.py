"""How often each of 256 levels comes: integers, from a mixture of discretised logistics."""

import numpy as np

__all__ = ["PixelMixture"]

_TOTAL = 2**20
_LEAST_LOG_SCALE = -7.0
# Between two levels, in units where pixels lie in [-1, 1].
_EDGES = 2.0 * (np.arange(255) + 0.5) / 255.0 - 1.0


class PixelMixture:
    """The levels of a pixel, channel by channel: as `LogisticMixtureImage`, in float64 NumPy.

    Args:
        parameters: float64 `[B, num_parameters]`.
        num_components: K.
        channels: C.
    """

    def __init__(self, parameters, num_components, channels):
        sizes = np.cumsum([1, channels, channels]) * num_components
        logits, means, scales, couplings = np.split(parameters, sizes, axis=-1)
        shape = (len(parameters), -1, num_components)
        scales = _LEAST_LOG_SCALE + np.logaddexp(0.0, scales - _LEAST_LOG_SCALE)
        self._weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        self._means, self._scales = means.reshape(shape), np.exp(scales).reshape(shape)
        self._couplings = np.tanh(couplings).reshape(shape)
        self._known = []

    def frequencies(self):
        """Returns those of the next channel's levels in a million or so, int `[B, 256]`."""
        cumulative = np.einsum("bk,bke->be", self._weights, self._cumulative(_EDGES))
        cumulative /= self._weights.sum(axis=-1, keepdims=True)
        ends = np.zeros((len(cumulative), 1)), np.ones((len(cumulative), 1))
        cumulative = np.concatenate([ends[0], cumulative, ends[1]], axis=-1)
        return np.diff(np.round(cumulative * _TOTAL)).astype(np.int64)

    def know(self, levels):
        """Takes the levels `[B]` of that channel, on which the next one depends."""
        edges = np.concatenate([[-np.inf], _EDGES, [np.inf]])
        ends = [self._cumulative(edges[levels + i][:, None])[..., 0] for i in (0, 1)]
        weights = self._weights * (ends[1] - ends[0])
        total = weights.sum(axis=-1, keepdims=True)
        # A level so unlikely that no component gives it anything tells nothing of them.
        self._weights = np.where(total > 0.0, weights / np.maximum(total, 1e-300), self._weights)
        self._known.append(2.0 * levels / 255.0 - 1.0)

    def _cumulative(self, edges):
        """How likely each component's value lies below edges `[E]` or `[B, E]`: `[B, K, E]`."""
        channel = len(self._known)
        mean, first = self._means[:, channel], channel * (channel - 1) // 2
        for earlier, value in enumerate(self._known):
            mean = mean + self._couplings[:, first + earlier] * value[:, None]
        edges = np.atleast_2d(edges)[:, None]
        with np.errstate(over="ignore"):
            return 1.0 / (
                1.0 + np.exp((mean[..., None] - edges) / self._scales[:, channel, :, None])
            )
