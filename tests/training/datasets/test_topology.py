"""Sets of known topology: points come back from their images, and distances are the true ones."""

import numpy as np
import pytest

from training import datasets
from training.datasets.topology import MANIFOLDS, rendering_of
from training.datasets.topology.renderings import NAMES

SIZE = (16, 12)


def draws(name, num=500, seed=0):
    return MANIFOLDS[name].draw(num, np.random.default_rng(seed))


@pytest.mark.parametrize("name", MANIFOLDS)
def test_points_lie_on_their_set_and_noise_takes_them_off(name):
    manifold, points = MANIFOLDS[name], draws(name)
    assert points.shape == (500, manifold.ambient)
    assert np.linalg.norm(points, axis=1).max() <= manifold.radius * (1 + 1e-12)
    np.testing.assert_allclose(manifold.distance(points), 0.0, atol=1e-7)
    # The nearest of very many points is no nearer than the set.
    moved = points[:50] + 0.3 * np.random.default_rng(1).standard_normal((50, manifold.ambient))
    many = draws(name, 40_000, seed=2)
    nearest = np.linalg.norm(moved[:, None] - many[None], axis=2).min(axis=1)
    distance = manifold.distance(moved)
    assert np.all(distance <= nearest + 1e-9)
    assert np.median(nearest - distance) < 0.02


@pytest.mark.parametrize("name", MANIFOLDS)
def test_harmonics_vanish_for_uniform_points_alone(name):
    manifold, points = MANIFOLDS[name], draws(name, 20_000)
    assert np.linalg.norm(manifold.harmonics(points).mean(axis=0)) < 0.03
    # Points of one side.
    side = points[points[:, 0] > np.quantile(points[:, 0], 0.7)]
    assert np.linalg.norm(manifold.harmonics(side).mean(axis=0)) > 0.06


@pytest.mark.parametrize("name", NAMES)
def test_images_are_in_range_and_read_back(name):
    rendering = rendering_of(name, SIZE)
    points = rendering.manifold.draw(200, np.random.default_rng(3))
    images = rendering.render(points)
    assert images.shape == (200, *SIZE, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    found, residual = rendering.read(images)
    np.testing.assert_allclose(found, points, atol=0.01 if name == "moving_bar" else 1e-6)
    np.testing.assert_allclose(residual, 0.0, atol=0.02 if name == "moving_bar" else 1e-5)
    # Levels of 8 bits hardly matter.
    levels = np.rint(255 * images) / 255
    assert rendering.off_manifold(levels).max() < 0.03


@pytest.mark.parametrize("name", MANIFOLDS)
def test_distances_of_images_are_those_of_points(name):
    rendering = rendering_of(name, SIZE)
    points = draws(name, 20)
    images = rendering.render(points).reshape(20, -1)
    distances, expected = (
        np.linalg.norm(values[:, None] - values[None], axis=2) for values in (images, points)
    )
    np.testing.assert_allclose(distances, rendering.scale * expected, atol=1e-12)


def test_an_image_beside_the_subspace_is_as_far_off_as_it_is():
    rendering = rendering_of("circle", SIZE)
    image = rendering.render(np.array([[1.0, 0.0]]))
    beside = np.random.default_rng(0).standard_normal(SIZE).ravel()
    beside -= rendering.basis.T @ (rendering.basis @ beside)
    moved = image + 0.25 * rendering.scale * (beside / np.linalg.norm(beside)).reshape(image.shape)
    assert rendering.off_manifold(moved)[0] == pytest.approx(0.25)
    inside = rendering.render(np.array([[0.4, 0.3]]))
    assert rendering.off_manifold(inside)[0] == pytest.approx(0.5)


def test_a_set_is_loaded_by_its_name_the_same_every_time():
    data, again = (datasets.load("topology:torus", image_size=8) for _ in range(2))
    assert data.num_examples == {"train": 10_000, "validation": 1000, "test": 2000}
    assert data.image_shape == (8, 8, 1)
    assert "1, 2, 1" in data.description
    test = data.arrays("test")["image"]
    np.testing.assert_array_equal(test, again.arrays("test")["image"])
    other = datasets.load("topology:torus", image_size=8, seed=1).arrays("test")["image"]
    assert np.any(other != test)
    assert datasets.load("topology:circle", image_size=(4, 6), channels=3).image_shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("topology:spere", {}, "no set of known topology 'spere'. Did you mean sphere"),
        ("topology", {}, "topology:NAME"),
        ("topology:sphere", {"image_size": 2}, "image_size must be sides of at least 4 pixels"),
        ("topology:moving_bar", {"image_size": 4}, "at least 8 pixels for topology:moving_bar"),
    ],
)
def test_unknown_sets_and_small_images_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(name, **options)
