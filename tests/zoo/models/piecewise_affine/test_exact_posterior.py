"""Marginal likelihood, posterior moments and draws against quadrature and closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.models.piecewise_affine import references
from zoo.models.piecewise_affine import strips
from zoo.models.piecewise_affine.exact_posterior import ExactPosterior, find_regions
from zoo.models.piecewise_affine.polygons import HALF_SIDE, most_polygons

SCALE = 0.2


def exact_of(layers, pixels, scale=SCALE):
    tensors, latent_dim = references.as_tensors(layers), layers[0][0].shape[0]
    regions = find_regions(tensors, latent_dim, references.SLOPE)
    scale = tf.constant(scale, tf.float64)
    return ExactPosterior(tensors, regions, scale, tf.constant(pixels)), regions


def images_near(layers, num, seed=5):
    """Pixels near to the decoder's means, one of them far from all."""
    generator = np.random.default_rng(seed)
    latents = generator.standard_normal((num, layers[0][0].shape[0]))
    pixels = references.decode(layers, latents)
    pixels += SCALE * generator.standard_normal(pixels.shape)
    pixels[-1] += 1.0
    return pixels


@pytest.fixture(scope="module")
def of_one_latent():
    layers = references.random_layers([1, 8, 8, 3], seed=0)
    pixels = images_near(layers, 6)
    return layers, pixels, *exact_of(layers, pixels)


@pytest.fixture(scope="module")
def of_two_latents():
    layers = references.random_layers([2, 5, 3], seed=1)
    pixels = images_near(layers, 1)
    return layers, pixels, *exact_of(layers, pixels)


@pytest.mark.parametrize(
    ("fixture", "tolerance"), [("of_one_latent", 1e-10), ("of_two_latents", 1e-7)]
)
def test_density_and_moments_are_those_of_quadrature(fixture, tolerance, request):
    layers, pixels, exact, _ = request.getfixturevalue(fixture)
    for row, image in enumerate(pixels):
        log_density, mean, square = references.posterior_by_quadrature(layers, image, SCALE)
        assert float(exact.log_density[row]) == pytest.approx(log_density, abs=tolerance)
        np.testing.assert_allclose(exact.mean[row], mean, atol=tolerance)
        np.testing.assert_allclose(exact.second_moment[row], square, atol=tolerance)


@pytest.mark.parametrize("fixture", ["of_one_latent", "of_two_latents"])
def test_shares_of_the_regions_sum_to_one(fixture, request):
    exact = request.getfixturevalue(fixture)[2]
    np.testing.assert_allclose(np.sum(exact.moments.mass, axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize(("fixture", "num"), [("of_one_latent", 4000), ("of_two_latents", 16)])
def test_draws_have_the_posteriors_moments(fixture, num, request):
    layers, pixels, *_ = request.getfixturevalue(fixture)
    exact, _ = exact_of(layers, np.repeat(pixels[:1], num, axis=0))
    uniforms = np.random.default_rng(3).uniform(size=(num, 1 + layers[0][0].shape[0]))
    draws = exact.draw(tf.constant(uniforms)).numpy()
    mean, square = exact.mean[0].numpy(), exact.second_moment[0].numpy()
    scales = np.sqrt(np.diag(square - np.outer(mean, mean)))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=4 * scales.max() / np.sqrt(num))
    np.testing.assert_allclose(draws.std(axis=0), scales, rtol=4 / np.sqrt(num))


def test_the_gradient_of_the_distortion_is_that_of_the_density(of_one_latent):
    layers, pixels, *_ = of_one_latent
    tensors = references.as_tensors(layers)
    kernel = tensors[1][0]
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        regions = find_regions(tensors, 1, references.SLOPE)
        exact = ExactPosterior(
            tensors, regions, tf.constant(SCALE, tf.float64), tf.constant(pixels)
        )
        total = tf.reduce_sum(exact.distortion())
    gradient = tape.gradient(total, kernel).numpy()

    def total_at(change):
        moved = [layers[0], (layers[1][0] + change, layers[1][1]), layers[2]]
        return -float(tf.reduce_sum(exact_of(moved, pixels)[0].log_density))

    direction = np.random.default_rng(0).standard_normal(gradient.shape)
    slope = (total_at(1e-5 * direction) - total_at(-1e-5 * direction)) / 2e-5
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-6)


# === Regions ===


@pytest.mark.parametrize("units", [3, 6])
def test_lines_in_general_position_cut_the_plane_as_known(units):
    generator = np.random.default_rng(units)
    angles = np.pi * (np.arange(units) + 0.3) / units
    kernel = np.stack([np.cos(angles), np.sin(angles)])
    layers = [(kernel, 0.3 * generator.standard_normal(units)), (np.ones((units, 1)), np.zeros(1))]
    polygons, patterns = find_regions(references.as_tensors(layers), 2, references.SLOPE)[::-1]
    assert len(polygons) == 1 + units + units * (units - 1) // 2 == most_polygons([units])
    assert len(np.unique(patterns[0], axis=0)) == len(polygons)


@pytest.mark.parametrize("sizes", [[2, 4, 4, 2], [1, 8, 2]])
def test_the_maps_of_the_regions_are_the_network(sizes):
    layers = references.random_layers(sizes, seed=2)
    exact, regions = exact_of(layers, np.zeros((1, 2)))
    if sizes[0] == 1:
        low, high = np.clip(regions.ends, -20.0, 20.0)
        # The maps of both sides agree at shared ends: g is continuous.
        inside = np.concatenate([0.5 * (low + high), low, high])[:, None]
        assert np.sum(high - low) == pytest.approx(40.0)
        assert np.sum(low < high) == 9
    else:
        inside = np.mean(regions.ends, axis=1)
        corners = regions.ends.numpy()
        following = np.roll(corners, -1, axis=1)
        areas = 0.5 * np.sum(
            corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0], axis=1
        )
        assert np.sum(areas) == pytest.approx(4 * HALF_SIDE**2, rel=1e-12)
        # On shared edges, likewise.
        inside = np.concatenate([inside, corners[:, 0], corners[:, 2]])
    slopes, shifts = exact.maps.outputs[-1]
    times = len(inside) // len(slopes)
    slopes, shifts = np.tile(slopes, (times, 1, 1)), np.tile(shifts, (times, 1))
    means = np.einsum("rxd,rd->rx", slopes, inside) + shifts
    np.testing.assert_allclose(means, references.decode(layers, inside), atol=1e-9)


def test_strips_integrate_polygons_as_owens_function_does():
    layers = references.random_layers([2, 4, 3, 1], seed=4)
    polygons, _ = find_regions(references.as_tensors(layers), 2, references.SLOPE)[::-1]
    scales = np.broadcast_to(np.array([[0.9, 0.0], [0.4, 0.7]]), (len(polygons), 2, 2))
    mean = np.array([0.3, -0.2])
    cut = strips.cut_into_strips(polygons, tf.constant(scales))
    means = tf.broadcast_to(tf.constant(mean), [len(cut.region), 2])
    log_mass, first, second = strips.integrate(
        cut, means, tf.gather(tf.constant(scales), cut.region)
    )
    mass = np.exp(log_mass)
    masses = np.bincount(cut.region, mass, len(polygons))
    firsts = np.stack([np.bincount(cut.region, mass * f, len(polygons)) for f in first.numpy().T])
    squares = np.bincount(cut.region, mass * second[:, 0, 1], len(polygons))
    for number, corners in enumerate(polygons.numpy()):
        white = np.linalg.solve(scales[0], (corners - mean).T).T
        expected, of_first, of_second = references.polygon_moments(white)
        assert masses[number] == pytest.approx(expected, abs=1e-13)
        moved = scales[0] @ of_first + expected * mean
        np.testing.assert_allclose(firsts[:, number], moved, atol=1e-12)
        cross = scales[0] @ of_second @ scales[0].T + expected * np.outer(mean, mean)
        cross += np.outer(scales[0] @ of_first, mean) + np.outer(mean, scales[0] @ of_first)
        assert squares[number] == pytest.approx(cross[0, 1], abs=1e-12)


# === Far out ===


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("start", [2.95, 11.0])
def test_a_region_of_hardly_any_mass_changes_nothing(latent_dim, start):
    """The mean ½z_1 turns away at z_1 = 2.95, where the posterior has e^-50 left, or far beyond."""
    slope, bend = np.array([0.5, 0.5]), np.array([40.0, 30.0])
    kernel = np.zeros((latent_dim, 2))
    kernel[0] = 1.0
    quiet = [(kernel[:, :1], np.array([30.0])), (slope[None], -30 * slope)]
    # The first unit, which is z_1 + 30, undoes the slope of the second below its start.
    undone = references.SLOPE * bend
    waking = [
        (kernel, np.array([30.0, -start])),
        (np.stack([slope - undone, bend]), -30 * slope + (30 + start) * undone),
    ]
    pixels = np.array([[0.2, 0.1]])
    before, _ = exact_of(quiet, pixels)
    tensors = references.as_tensors(waking)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        regions = find_regions(tensors, latent_dim, references.SLOPE)
        after = ExactPosterior(
            tensors, regions, tf.constant(SCALE, tf.float64), tf.constant(pixels)
        )
        total = tf.reduce_sum(after.distortion())
    np.testing.assert_allclose(after.log_density, before.log_density, atol=1e-12)
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-12)
    beyond = np.asarray(regions.patterns[0])[:, 1] == 1.0
    assert 0 < beyond.sum() < len(beyond)
    assert np.asarray(after.moments.mass)[0, beyond].max() < np.exp(-50)
    for part in (*after.moments, *tf.nest.flatten(tape.gradient(total, tensors))):
        assert np.all(np.isfinite(part))
