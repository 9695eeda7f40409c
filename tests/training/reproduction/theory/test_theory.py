"""The high-capacity analysis against closed forms and a float64 reference."""

import numpy as np
import pytest
import scipy.spatial
import scipy.special

from training.reproduction.theory import (
    fixed_points,
    lipschitz,
    partition,
    phase_transitions,
    point_sets,
    tiles,
)

TWO = np.array([[-0.5, 0.0], [0.5, 0.0]], np.float32)


@pytest.fixture(scope="module")
def few_tiles():
    return tiles.initial_reconstructions(6)


def test_tiles_cover_the_square():
    centers = tiles.tile_centers(4)
    assert centers.shape == (16, 2)
    np.testing.assert_allclose(centers.mean(axis=0), 0.0, atol=1e-6)
    assert (centers.min(), centers.max()) == (-0.75, 0.75)
    start = tiles.initial_reconstructions(4)
    assert 0 < np.abs(start - centers).max() <= 0.01


def test_a_step_is_that_of_the_formula(few_tiles):
    points, beta = point_sets.lines(7), 0.05
    found = fixed_points.solve(points, [beta], few_tiles, max_steps=2).reconstructions[0]
    expected = np.float64(few_tiles)
    for _ in range(2):
        squares = scipy.spatial.distance.cdist(points, expected, "sqeuclidean")
        masses = scipy.special.softmax(-squares / (2 * beta), axis=1)
        weights = masses / masses.sum(axis=0)
        expected = 0.9 * expected + 0.1 * weights.T @ points
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_points_split_at_the_critical_temperature(few_tiles):
    """A pitchfork at β = a²: within 2% on both sides, after enough steps."""
    critical = 0.25
    betas = critical * np.array([0.98, 1.02])
    found = fixed_points.solve(TWO, betas, few_tiles, max_steps=20_000, tolerance=1e-7)
    spread = np.ptp(found.reconstructions[..., 0], axis=1)
    assert spread[0] > 0.05
    assert spread[1] < 1e-2


def test_the_transition_is_the_peak_of_the_curvature(few_tiles):
    betas = np.linspace(0.1, 0.5, 41)
    found = fixed_points.solve(TWO, betas, few_tiles, max_steps=3000, tolerance=1e-6)
    temperatures, curvature = phase_transitions.critical_temperatures(betas, found.error)
    assert temperatures[0] == pytest.approx(0.25, abs=0.015)
    assert curvature.shape == betas.shape
    assert len(temperatures) <= 3


def test_reconstructions_stay_in_the_hull(few_tiles):
    points = point_sets.circles(20)
    betas = np.geomspace(1e-4, 1.0, 7)
    # From within the hull, for smoothing keeps a share of the start.
    found = fixed_points.solve(points, betas, 0.2 * few_tiles, max_steps=50)
    hull = scipy.spatial.ConvexHull(points)
    outside = found.reconstructions @ hull.equations[:, :2].T + hull.equations[:, 2]
    assert outside.max() < 1e-5
    assert np.isfinite(found.reconstructions).all()


def test_all_merge_in_the_mean_at_high_temperature(few_tiles):
    points = point_sets.lines(30)
    found = fixed_points.solve(points, [100.0], few_tiles)
    np.testing.assert_allclose(
        found.reconstructions[0], np.tile(points.mean(0), (36, 1)), atol=0.02
    )
    assert found.converged.all()
    assert found.steps[0] < 400
    spread = ((points - points.mean(0)) ** 2).sum(axis=1).mean()
    assert found.error[0] == pytest.approx(spread, rel=0.01)


def test_temperatures_at_once_are_temperatures_one_by_one(few_tiles):
    points, betas = point_sets.lines(9), [0.01, 0.1, 1.0]
    together = fixed_points.solve(points, betas, few_tiles)
    alone = fixed_points.solve(points, betas, few_tiles, largest_table=1)
    np.testing.assert_allclose(alone.reconstructions, together.reconstructions, atol=1e-5)
    np.testing.assert_array_equal(alone.steps, together.steps)


def test_tiles_divide_among_the_points_when_it_is_cold(few_tiles):
    points = np.array([[-0.6, -0.6], [0.6, -0.6], [0.0, 0.7]], np.float32)
    beta = 1e-4
    found = fixed_points.solve(points, [beta], few_tiles, max_steps=2000)
    parts = partition.partition(points, found.reconstructions[0], beta)
    assert parts.masses.sum() == pytest.approx(1.0)
    assert (parts.masses > 0).all()
    np.testing.assert_allclose(parts.divergences, -np.log(parts.masses))
    # Jensen: no partition has a lower mean than the equiprobable one.
    assert parts.divergences.mean() >= parts.equiprobable_divergence == pytest.approx(np.log(3))
    owned = points[parts.owners]
    np.testing.assert_allclose(found.reconstructions[0], owned, atol=1e-2)


def test_a_hole_is_a_tile_that_no_posterior_reaches():
    points = np.array([[0.0, 0.0]], np.float32)
    places = np.array([[0.0, 0.0], [0.01, 0.0], [1.0, 1.0]], np.float32)
    np.testing.assert_array_equal(partition.holes(points, places, 1e-3), [False, False, True])


@pytest.mark.parametrize("radius", [None, 0.5])
def test_every_pair_satisfies_the_lipschitz_constraint(radius):
    centers = tiles.tile_centers(8)
    wild = np.random.default_rng(0).standard_normal((2, 64, 2)).astype("f4")
    constant = 0.7
    project = lipschitz.constraint(centers, constant, radius)
    assert lipschitz.largest_ratio(wild, centers, radius).min() > constant
    tamed = project(wild).numpy()
    distances = scipy.spatial.distance.pdist(centers)
    is_pair = distances <= (radius or np.inf) + 1e-6
    for one in tamed:
        ratios = scipy.spatial.distance.pdist(one) / distances
        assert ratios[is_pair].max() <= constant * (1 + 1e-5)
        np.testing.assert_allclose(
            lipschitz.largest_ratio(one[None], centers, radius), ratios[is_pair].max(), rtol=1e-4
        )
    np.testing.assert_allclose(tamed.mean(axis=1), wild.mean(axis=1), atol=1e-5)
    smooth = 0.5 * constant * centers[None]
    np.testing.assert_allclose(project(smooth), smooth, atol=1e-5)


@pytest.mark.thorough
def test_the_iteration_keeps_the_constraint():
    centers = tiles.tile_centers(6)
    project = lipschitz.constraint(centers, 0.5)
    found = fixed_points.solve(
        point_sets.circles(12), [0.01], 0.3 * centers, max_steps=40, constrain=project
    )
    assert lipschitz.largest_ratio(found.reconstructions, centers)[0] <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_points.solve(np.zeros((3, 3)), [1.0]), r"shape \[N, 2\]"),
        (lambda: fixed_points.solve(TWO, [0.1, 0.0]), "above 0"),
        (lambda: phase_transitions.critical_temperatures([1, 2], [1, 2]), "at least five"),
        (lambda: lipschitz.constraint(np.zeros((5, 2)), 1.0), "a square of tiles"),
        (lambda: lipschitz.constraint(tiles.tile_centers(2), 0.0), "constant must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
