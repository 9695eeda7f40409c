"""Exact expectation-maximisation of a `zoo.PiecewiseAffineVAE`, layer by layer.

With the posterior's moments and the regions' patterns held, the expected squared error is quadratic
in the weights of each layer by itself. On region r let layer ℓ be given [h; 1] = H z + k, let its
output reach the mean through F z-independently, and let ρ = b - F c be what the other layers'
biases contribute. Then its weights W solve

    Σ_r FᵀF W V_r = Σ_r Fᵀ Y_r,   V_r = Σ_n E[(Hz + k)(Hz + k)ᵀ],   Y_r = Σ_n (x - ρ) E[(Hz + k)ᵀ].

For the last layer F is the identity and this a regression, the true maximum. For the others the
regions move with the weights, so that the whole step may lower the likelihood: see `fit_em`.
"""

import keras
import numpy as np

from zoo.models.piecewise_affine import network
from zoo.models.piecewise_affine.exact_posterior import find_regions

__all__ = ["ExpectationMaximisation"]

_FRACTIONS = [0.5**k for k in range(7)]
_LEAST_VARIANCE = 1e-8  # The square of the likelihood's least scale.


class ExpectationMaximisation:
    """Trains a model on images; its weights are moved in place.

    Args:
        model: The `zoo.PiecewiseAffineVAE`.
        images: `[N, H, W, C]`, checked.
    """

    def __init__(self, model, images):
        self._model, self._images = model, images
        self._expect()

    def run(self, steps, tolerance, held_steps, verbose):
        """Does steps until they gain too little; arguments and result as in `fit_em`."""
        history = {"log_density": [self._log_density], "noise_scale": [self._scale]}
        bar = keras.utils.Progbar(steps, verbose=verbose, stateful_metrics=list(history))
        for step in range(steps):
            before = self._log_density
            for index in reversed(range(len(self._model.layers_of_decoder))):
                self._improve_layer(index)
            if step >= held_steps:
                self._improve_scale()
            history["log_density"].append(self._log_density)
            history["noise_scale"].append(self._scale)
            is_last = step >= held_steps and self._log_density - before < tolerance
            now = [(name, values[-1]) for name, values in history.items()]
            bar.update(step + 1, values=now, finalize=is_last or step + 1 == steps)
            if is_last:
                break
        return history

    # === Expectation ===

    def _expect(self):
        statistics = self._model.em_statistics(self._images)
        self._statistics = type(statistics)(*map(np.asarray, statistics))
        self._log_density = float(self._statistics.log_density / self._statistics.num_images)

    @property
    def _scale(self):
        return float(self._model.likelihood.scale)

    # === Maximisation ===

    def _improve_layer(self, index):
        """Moves a layer's weights to, or towards, the solution of its linear system."""
        layer = self._model.layers_of_decoder[index]
        old = [np.asarray(weight, np.float64) for weight in (layer.kernel, layer.bias)]
        change = self._solve(index, np.concatenate([old[0], old[1][None]]).T)
        direction = change[:, :-1].T, change[:, -1]

        def move(fraction):
            for weight, start, way in zip((layer.kernel, layer.bias), old, direction, strict=True):
                weight.assign((start + fraction * way).astype(np.float32))

        self._search(move)

    def _improve_scale(self):
        old = float(self._model.likelihood.log_scale)
        way = 0.5 * np.log(max(self._mean_squared_error(), _LEAST_VARIANCE)) - old
        self._search(lambda fraction: self._model.likelihood.log_scale.assign(old + fraction * way))

    def _search(self, move):
        """Takes the largest fraction of a move that does not lower the likelihood, or none."""
        before, statistics = self._log_density, self._statistics
        for fraction in _FRACTIONS:
            move(fraction)
            self._expect()
            if self._log_density >= before:
                return
        move(0.0)
        self._log_density, self._statistics = before, statistics

    def _maps(self):
        model = self._model
        layers = model._network()
        regions = find_regions(layers, model.latent_dim, model.negative_slope)
        num_regions = len(self._statistics.mass)
        maps = network.affine_maps(layers, regions.patterns, model.latent_dim, num_regions)
        as_arrays = [[tuple(np.asarray(part) for part in pair) for pair in pairs] for pairs in maps]
        return layers, [np.asarray(p) for p in regions.patterns], network.AffineMaps(*as_arrays)

    def _solve(self, index, weights):
        """Returns the change that solves for a layer's `[units, inputs + 1]` weights."""
        s = self._statistics
        layers, patterns, maps = self._maps()
        slopes, shifts = maps.inputs[index]
        # With the bias's constant input.
        slopes = np.concatenate([slopes, np.zeros_like(slopes[:, :1])], axis=1)
        shifts = np.concatenate([shifts, np.ones_like(shifts[:, :1])], axis=1)
        moved = s.first[:, None, :] * shifts[:, :, None]  # k M1ᵀ
        cross = moved @ slopes.swapaxes(1, 2)
        inputs = slopes @ s.second @ slopes.swapaxes(1, 2) + cross + cross.swapaxes(1, 2)
        inputs += s.mass[:, None, None] * shifts[:, :, None] * shifts[:, None, :]
        products = s.pixels_first @ slopes.swapaxes(1, 2)
        products += s.pixels[:, :, None] * shifts[:, None, :]
        if index + 1 == len(layers):
            return _regression(inputs.sum(axis=0), products.sum(axis=0), weights)
        reach = _reach(layers, patterns, index)
        rest = maps.outputs[-1][1] - np.einsum("rdm,rm->rd", reach, maps.outputs[index][1])
        sums = (slopes @ s.first[:, :, None])[..., 0] + s.mass[:, None] * shifts
        products -= rest[:, :, None] * sums[:, None, :]
        return _coupled_regression(reach, inputs, products, weights)

    def _mean_squared_error(self):
        """E‖x - g(z)‖² an image and pixel, over images and their posteriors."""
        s = self._statistics
        slopes, shifts = self._maps()[2].outputs[-1]
        gram = slopes.swapaxes(1, 2) @ slopes
        across = np.einsum("rdk,rd->rk", slopes, shifts)
        error = s.squares - 2.0 * np.sum(s.pixels * shifts) + s.mass @ np.sum(shifts**2, axis=1)
        error += -2.0 * np.sum(slopes * s.pixels_first) + 2.0 * np.sum(across * s.first)
        error += np.sum(gram * s.second)
        return error / (s.num_images * shifts.shape[1])


def _reach(layers, patterns, index):
    """Returns how the mean depends on a layer's output before its activation, `[R, D, units]`."""
    reach = np.asarray(layers[-1][0]).T[None]
    for kernel, pattern in zip(layers[-2:index:-1], patterns[:index:-1], strict=True):
        reach = (reach * pattern[:, None, :]) @ np.asarray(kernel[0]).T
    return reach * patterns[index][:, None, :]


def _regression(inputs, products, weights):
    """Solves W V = Y for all outputs at once; returns W less the weights."""
    residual = products - weights @ inputs
    return np.linalg.lstsq(inputs, residual.T, rcond=1e-12)[0].T


def _coupled_regression(reach, inputs, products, weights):
    """Solves Σ FᵀF W V = Σ FᵀY; returns W less the weights.

    For the change, so that what the data say nothing about stays as it is.
    """
    gram = reach.swapaxes(1, 2) @ reach
    target = np.einsum("rdm,rdp->mp", reach, products)
    target -= np.einsum("rij,jp,rpq->iq", gram, weights, inputs, optimize=True)
    size = weights.size
    matrix = np.einsum("rij,rab->iajb", gram, inputs, optimize=True).reshape(size, size)
    change = np.linalg.lstsq(matrix, target.reshape(size), rcond=1e-12)[0]
    return change.reshape(weights.shape)
