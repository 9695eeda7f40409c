"""The exact marginal likelihood and posterior of a piecewise affine decoder with normal noise.

For a region r with g(z) = A z + b there, and x the pixels of an image:

    S = (I + AᵀA/σ²)⁻¹,   μ(x) = S Aᵀ(x - b)/σ²,   log κ(x) = log N(x; b, σ²I + AAᵀ),
    log p(x) = logsumexp_r (log κ_r(x) + log Φ_r(x)),

Φ_r the mass that N(μ_r, S_r) has on the region. κ alone is no weight: a region whose affine map
fits x far outside of it has a huge κ and a tiny Φ, so everything stays in log space.
"""

import math
from typing import NamedTuple

import tensorflow as tf

from zoo.models.piecewise_affine import (
    intervals,
    network,
    polygons,
    strips,
    truncated_normals,
)

__all__ = ["ExactPosterior", "Moments", "Regions", "find_regions"]


_NEGLIGIBLE = 60.0  # Nats below the largest, under which a strip is not integrated over.


class Regions(NamedTuple):
    """The regions of a decoder, without a gradient.

    Attributes:
        patterns: One `[R, units]` a hidden layer: see `network`.
        ends: Low and high ends `[R]` of intervals, or polygons `[R, corners, 2]`.
    """

    patterns: list
    ends: object


def find_regions(layers, latent_dim, negative_slope):
    """Returns the `Regions` of a network of one or two latents."""
    layers = [tuple(map(tf.stop_gradient, layer)) for layer in layers]
    if latent_dim == 1:
        *ends, patterns = intervals.find_intervals(layers, negative_slope)
    else:
        ends, patterns = polygons.find_polygons(layers, negative_slope)
    return Regions(patterns, ends)


class Moments(NamedTuple):
    """The posterior's moments on each region: they sum to 1, E[z|x] and E[zzᵀ|x].

    Attributes:
        mass: `[N, R]`.
        first: `[N, R, d]`.
        second: `[N, R, d, d]`.
    """

    mass: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor


class ExactPosterior:
    """p(z|x) of a batch.

    Args:
        layers: The decoder, as in `network`.
        regions: Its `Regions`.
        scale: σ in pixel units, a float64 scalar.
        pixels: float64 `[N, D]`.

    Attributes:
        log_density: log p(x) in nats, float64 `[N]`.
        moments: `Moments`. Neither has a gradient: see `distortion`.
    """

    def __init__(self, layers, regions, scale, pixels):
        self.pixels, self.scale = pixels, scale
        self.latent_dim = layers[0][0].shape[0]
        self.maps = self._affine_maps(layers, regions)
        slopes, shifts = self.maps.outputs[-1]
        self._squares = _squared_distances(pixels, shifts)
        self._projections = _project(pixels, slopes, shifts)
        self._gram = tf.matmul(slopes, slopes, transpose_a=True)
        self._find_normals()
        if self.latent_dim == 1:
            self._of_intervals(regions.ends)
        else:
            self._of_polygons(regions.ends)

    def _affine_maps(self, layers, regions):
        if isinstance(regions.ends, list):
            num_regions = regions.ends[0].shape[0]
        else:
            num_regions = tf.shape(regions.ends)[0]
        return network.affine_maps(layers, regions.patterns, self.latent_dim, num_regions)

    def _find_normals(self):
        """Finds the normals N(μ_r, S_r) and log κ_r, without gradients."""
        gram, projections = tf.stop_gradient(self._gram), tf.stop_gradient(self._projections)
        variance = tf.stop_gradient(self.scale) ** 2
        eye = tf.eye(self.latent_dim, dtype=tf.float64)
        precision = eye + gram / variance
        covariance, log_volume = _invert(precision)
        self._scales = _cholesky(covariance)
        self._means = tf.einsum("nrd,rde->nre", projections, covariance) / variance
        explained = tf.reduce_sum(self._means * projections, axis=-1) / variance
        num_pixels = tf.cast(self.pixels.shape[1], tf.float64)
        self._log_kappa = -0.5 * (
            num_pixels * tf.math.log(2.0 * math.pi * variance)
            + log_volume
            + tf.stop_gradient(self._squares) / variance
            - explained
        )

    # === One latent ===

    def _of_intervals(self, ends):
        means, scales = self._means[..., 0], self._scales[:, 0, 0]
        is_empty = ends[0] >= ends[1]
        # An empty interval may lie at infinity: another stands in its place, and has no mass.
        low, high = (
            (tf.where(is_empty, tf.cast(other, tf.float64), end) - means) / scales
            for end, other in zip(ends, (-1.0, 1.0), strict=True)
        )
        self._ends = low, high
        log_mass, mean, square = truncated_normals.moments(low, high)
        log_mass = tf.where(is_empty, tf.cast(-math.inf, tf.float64), log_mass)
        self.log_density, mass = _normalise(self._log_kappa + log_mass)
        first = means + scales * mean
        second = means**2 + 2.0 * means * scales * mean + scales**2 * square
        self.moments = Moments(mass, (mass * first)[..., None], (mass * second)[..., None, None])

    # === Two latents ===

    def _of_polygons(self, corners):
        self._strips = strips.cut_into_strips(corners, self._scales)
        region = self._strips.region
        scales = tf.gather(self._scales, region)
        num_regions = tf.shape(corners)[0]

        def of_image(given):
            means, log_kappa = (tf.gather(values, region) for values in given)
            least, most = strips.log_bounds(self._strips, means, scales)
            is_near = log_kappa + most > tf.reduce_max(log_kappa + least) - _NEGLIGIBLE
            near = tf.where(is_near)[:, 0]
            own, means, own_scales = (
                strips.take(self._strips, near),
                *(tf.gather(values, near) for values in (means, scales)),
            )
            log_mass, mean, square = strips.integrate(own, means, own_scales)
            log_weight = tf.gather(log_kappa, near) + log_mass
            log_density, mass = _normalise(log_weight)
            sums = (mass, mass[:, None] * mean, mass[:, None, None] * square)
            sums = (tf.math.unsorted_segment_sum(s, own.region, num_regions) for s in sums)
            shares = tf.scatter_nd(near[:, None], mass, tf.shape(region, tf.int64))
            return (log_density, *sums, shares)

        shapes = ([], [None], [None, 2], [None, 2, 2], [None])
        self.log_density, *moments, self._shares = tf.map_fn(
            of_image,
            (self._means, self._log_kappa),
            fn_output_signature=tuple(tf.TensorSpec(shape, tf.float64) for shape in shapes),
        )
        self.moments = Moments(*moments)

    # === What it is asked for ===

    @property
    def mean(self):
        """E[z|x], float64 `[N, d]`."""
        return tf.reduce_sum(self.moments.first, axis=1)

    @property
    def second_moment(self):
        """E[zzᵀ|x], float64 `[N, d, d]`."""
        return tf.reduce_sum(self.moments.second, axis=1)

    def distortion(self):
        """Returns E[-log p(x|z)] in nats, float64 `[N]`.

        Its gradient is that of -log p(x) (Fisher's identity): the posterior is held, and the
        regions' maps move.
        """
        mass, first, second = self.moments
        errors = (
            tf.reduce_sum(mass * self._squares, axis=1)
            - 2.0 * tf.reduce_sum(first * self._projections, axis=(1, 2))
            + tf.reduce_sum(second * self._gram, axis=(1, 2, 3))
        )
        num_pixels = tf.cast(self.pixels.shape[1], tf.float64)
        variance = self.scale**2
        return 0.5 * (num_pixels * tf.math.log(2.0 * math.pi * variance) + errors / variance)

    def draw(self, uniforms):
        """Draws z ~ p(z|x), float64 `[N, d]`.

        Args:
            uniforms: Numbers uniform in (0, 1), float64 `[N, 1 + d]`: for the region (or the part
                of one), then for each latent.
        """
        if self.latent_dim == 1:
            chosen = _choose(self.moments.mass, uniforms[:, 0])
            low, high, means = (
                tf.gather(values, chosen, batch_dims=1)
                for values in (*self._ends, self._means[..., 0])
            )
            scales = tf.gather(self._scales[:, 0, 0], chosen)
            values = truncated_normals.quantile(low, high, uniforms[:, 1])
            return (means + scales * values)[:, None]
        chosen = _choose(self._shares, uniforms[:, 0])
        own = strips.take(self._strips, chosen)
        means = tf.gather(self._means, own.region, batch_dims=1)
        return strips.draw(own, means, tf.gather(self._scales, own.region), uniforms[:, 1:])


def _squared_distances(pixels, shifts):
    """Returns ‖x - b‖², `[N, R]`, in one matrix product."""
    own = tf.reduce_sum(pixels**2, axis=1)[:, None] + tf.reduce_sum(shifts**2, axis=1)
    return own - 2.0 * tf.matmul(pixels, shifts, transpose_b=True)


def _project(pixels, slopes, shifts):
    """Returns Aᵀ(x - b), `[N, R, d]`, in one matrix product."""
    num_pixels, latent_dim = pixels.shape[1], slopes.shape[2]
    columns = tf.reshape(tf.transpose(slopes, [1, 0, 2]), [num_pixels, -1])
    of_pixels = tf.reshape(tf.matmul(pixels, columns), [tf.shape(pixels)[0], -1, latent_dim])
    return of_pixels - tf.einsum("rxd,rx->rd", slopes, shifts)


def _invert(precision):
    """Returns inverses and log-determinants of positive matrices `[R, d, d]`, d at most 2."""
    if precision.shape[-1] == 1:
        return 1.0 / precision, tf.math.log(precision[:, 0, 0])
    a, b, c = precision[:, 0, 0], precision[:, 0, 1], precision[:, 1, 1]
    volume = a * c - b**2
    inverse = tf.reshape(tf.stack([c, -b, -b, a], axis=1) / volume[:, None], [-1, 2, 2])
    return inverse, tf.math.log(volume)


def _cholesky(covariance):
    return tf.sqrt(covariance) if covariance.shape[-1] == 1 else tf.linalg.cholesky(covariance)


def _normalise(log_weights):
    """Returns the logsumexp over the last axis, and the shares in it."""
    log_total = tf.reduce_logsumexp(log_weights, axis=-1)
    return log_total, tf.exp(log_weights - log_total[..., None])


def _choose(shares, uniforms):
    """Returns the number of a column for each row, drawn by its share, int32 `[N]`."""
    sums = tf.cumsum(shares, axis=1)
    chosen = tf.reduce_sum(tf.cast(sums < uniforms[:, None] * sums[:, -1:], tf.int32), axis=1)
    return tf.minimum(chosen, tf.shape(shares)[1] - 1)
