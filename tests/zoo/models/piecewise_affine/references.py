"""Independent float64 references: a network in NumPy, quadrature, and polygons in closed form."""

import itertools

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp, ndtr, owens_t

SLOPE = 0.1


def random_layers(sizes, seed):
    """A network's layers, `[(kernel, bias)]`, of sizes that begin with the latents'."""
    generator = np.random.default_rng(seed)
    return [
        (generator.standard_normal((rows, columns)) * 0.7, generator.standard_normal(columns) * 0.6)
        for rows, columns in itertools.pairwise(sizes)
    ]


def as_tensors(layers):
    return [tuple(map(tf.constant, layer)) for layer in layers]


def decode(layers, latents):
    """The means `[N, D]` at latents `[N, d]`."""
    for kernel, bias in layers[:-1]:
        latents = latents @ kernel + bias
        latents = np.where(latents > 0, latents, SLOPE * latents)
    return latents @ layers[-1][0] + layers[-1][1]


def log_joint(layers, latents, pixels, scale):
    """log p(x, z) of one image's pixels `[D]` at latents `[N, d]`."""
    errors = np.sum((pixels - decode(layers, latents)) ** 2, axis=1)
    size = pixels.size * np.log(2 * np.pi * scale**2) + latents.shape[1] * np.log(2 * np.pi)
    return -0.5 * (errors / scale**2 + size + np.sum(latents**2, axis=1))


def nodes_between(points, number):
    """Gauss-Legendre nodes and weights on each part between sorted points."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    middles, halves = 0.5 * (points[1:] + points[:-1]), 0.5 * np.diff(points)
    return (middles[:, None] + halves[:, None] * nodes).ravel(), np.outer(halves, weights).ravel()


def breakpoints(layers, line, low, high):
    """Where units change their sign on `line(t)`, `[N, d]`, found between 4000 points."""
    points = np.linspace(low, high, 4001)
    found = [low, high]
    for depth in range(1, len(layers)):
        cut = layers[:depth]
        values = _preactivations(cut, line(points))
        for unit in range(values.shape[1]):
            for start in np.flatnonzero(values[:-1, unit] * values[1:, unit] < 0):
                found.append(_zero(cut, line, unit, points[start], points[start + 1]))
    return np.unique(found)


def _preactivations(layers, latents):
    for kernel, bias in layers[:-1]:
        latents = latents @ kernel + bias
        latents = np.where(latents > 0, latents, SLOPE * latents)
    return latents @ layers[-1][0] + layers[-1][1]


def _zero(layers, line, unit, low, high):
    sign = np.sign(_preactivations(layers, line(np.array([low])))[0, unit])
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _preactivations(layers, line(np.array([middle])))[0, unit] * sign > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def posterior_by_quadrature(layers, pixels, scale):
    """log p(x), E z and E zzᵀ of one image; a sum over nodes between breakpoints."""
    if layers[0][0].shape[0] == 1:
        points = breakpoints(layers, lambda t: t[:, None], -12.0, 12.0)
        points = np.unique(np.concatenate([points, np.linspace(-12, 12, 481)]))
        nodes, weights = nodes_between(points, 12)
        latents = nodes[:, None]
    else:
        first, across = nodes_between(np.linspace(-6, 6, 61), 8)
        latents, weights = [], []
        for one, weight in zip(first, across, strict=True):
            nodes, along = nodes_between(_kinks_on_line(layers, one), 12)
            latents.append(np.stack([np.full(len(nodes), one), nodes], axis=1))
            weights.append(weight * along)
        latents, weights = np.concatenate(latents), np.concatenate(weights)
    values = log_joint(layers, latents, pixels, scale) + np.log(weights)
    log_density = logsumexp(values)
    shares = np.exp(values - log_density)
    return log_density, shares @ latents, np.einsum("n,ni,nj->ij", shares, latents, latents)


def _kinks_on_line(layers, first):
    """Points between which the decoder is affine on z_1 = first, for one hidden layer, and more."""
    (kernel, bias), _ = layers
    kinks = -(bias + first * kernel[0]) / kernel[1]
    return np.unique(np.clip(np.concatenate([kinks, np.linspace(-6, 6, 25)]), -6, 6))


def polygon_moments(corners):
    """Mass, first and second moments of N(0, I) over a polygon, counter-clockwise, by Owen's T.

    Closed forms that cancel: the relative error is 1e-9 where the mass is.
    """
    mass, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if np.allclose(start, end, atol=1e-14):
            continue
        along = (end - start) / np.linalg.norm(end - start)
        outward = np.array([along[1], -along[0]])
        away, t0, t1 = start @ outward, start @ along, end @ along
        size = abs(away)
        mass += np.sign(away) * (
            (np.arctan2(t1, size) - np.arctan2(t0, size)) / (2 * np.pi)
            - owens_t(size, t1 / size)
            + owens_t(size, t0 / size)
        )
        density, span = _density(away), ndtr(t1) - ndtr(t0)
        first -= density * span * outward
        second -= density * (
            away * span * np.outer(outward, outward)
            + (_density(t0) - _density(t1)) * np.outer(along, outward)
        )
    return mass, first, second + mass * np.eye(2)


def _density(value):
    return np.exp(-0.5 * value**2) / np.sqrt(2 * np.pi)
