"""Measures on sets of known topology, of samples that are right, and wrong in known ways."""

import importlib.util

import numpy as np
import pytest

from training import datasets, evaluation
from training.datasets.topology import MANIFOLDS, rendering_of
from training.evaluation import known_topology, persistence
from zoo.errors import UsageError
from zoo.models.charts.farthest_points import farthest_points

SIZE = (8, 8)


def images_of(name, num=2000, seed=1, scale=1.0):
    rendering = rendering_of(name, SIZE)
    points = rendering.manifold.draw(num, np.random.default_rng(seed))
    return rendering, rendering.render(scale * points)


@pytest.mark.parametrize("name", MANIFOLDS)
def test_images_of_the_set_itself_are_perfect(name):
    rendering, images = images_of(name)
    found = known_topology.of_images(images, rendering)
    assert found["off_manifold"] < 1e-6
    assert found["off_manifold_share"] == 0
    assert found["coverage"] >= 0.9
    assert found["coverage"] == pytest.approx(found["uniform_coverage"], abs=0.06)
    assert found["nonuniformity"] < 0.08


def test_what_is_wrong_with_images_is_seen():
    rendering, _ = images_of("circle")
    points = MANIFOLDS["circle"].draw(2000, np.random.default_rng(0))
    filled = points * np.sqrt(np.random.default_rng(1).uniform(size=(2000, 1)))
    found = known_topology.of_images(rendering.render(filled), rendering)
    # A disc's mean distance from its rim is 1/3; 0.81 of it is further than 0.1.
    assert found["off_manifold"] == pytest.approx(1 / 3, abs=0.02)
    assert found["off_manifold_share"] == pytest.approx(0.81, abs=0.03)
    half = rendering.render(points[points[:, 0] > 0])
    found = known_topology.of_images(half, rendering)
    assert found["coverage"] == pytest.approx(0.5, abs=0.03)
    # |E e^{iθ}| of half a circle is 2/π; its second harmonic vanishes.
    assert found["nonuniformity"] == pytest.approx(2 / np.pi, abs=0.03)


def test_farthest_points_are_those_of_brute_force():
    points = np.random.default_rng(0).standard_normal((40, 3))
    chosen = [0]
    for _ in range(9):
        distances = [min(np.linalg.norm(p - points[c]) for c in chosen) for p in points]
        chosen.append(int(np.argmax(distances)))
    assert farthest_points(points, 10).tolist() == chosen
    brute = [np.argmin([np.linalg.norm(p - points[c]) for c in chosen]) for p in points]
    assert known_topology.nearest(points, points[chosen]).tolist() == brute


class AngleModel:
    """Encodes an image of a circle as its angle, which jumps at π, and samples half the circle."""

    context_shape = None
    has_encoder = True

    def __init__(self):
        self.rendering = rendering_of("circle", SIZE)

    def images_at(self, angles):
        return self.rendering.render(np.stack([np.cos(angles), np.sin(angles)], axis=1))

    def sample(self, num, seed):
        generator = np.random.default_rng(np.ravel(seed))
        return self.images_at(generator.uniform(-np.pi / 2, np.pi / 2, num))

    def encode(self, images):
        points = self.rendering.read(np.asarray(images) / 255.0)[0]
        return (np.arctan2(points[:, 1], points[:, 0])[:, None],)

    def decode(self, latents):
        return latents[0][:, 0]

    def images_of(self, angles, noise):
        return self.images_at(angles)


@pytest.fixture(scope="module")
def of_angles():
    data = datasets.load("topology:circle", image_size=SIZE)
    return known_topology.measure(AngleModel(), data, num_samples=500, num_pairs=40)


def test_a_model_is_measured_by_samples_and_paths(of_angles):
    assert of_angles["coverage"] == pytest.approx(0.5, abs=0.05)
    # Straight in the angle is along the circle, at one speed.
    assert of_angles["path_off_manifold"] < 0.02
    assert of_angles["path_jump"] == pytest.approx(1.0, abs=0.1)


def test_a_cut_is_a_jump():
    frames = np.linspace(0.0, 1.0, 33)
    angles = np.where(frames < 0.5, 0.2 * frames, 2.0 + 0.2 * frames)
    found = known_topology._of_paths(
        AngleModel().images_at(angles)[None], rendering_of("circle", SIZE)
    )
    assert found["path_jump"] > 15


def test_persistence_says_why_it_is_left_out(of_angles, monkeypatch):
    assert ("persistence" in of_angles) != persistence.is_installed()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    points = np.zeros((5, 2))
    assert "vae-zoo[topology]" in persistence.compare(points, points, (1, 1, 0))["persistence"]


needs_homology = pytest.mark.skipif(
    not persistence.is_installed(), reason="vae-zoo[topology] is not installed"
)


def draw(name):
    return MANIFOLDS[name].draw(2000, np.random.default_rng(0))


@needs_homology
def test_persistence_counts_the_hole_of_a_circle_and_not_of_its_half():
    circle = draw("circle")
    half = circle[circle[:, 0] > 0]
    found = persistence.compare(half, circle, (1, 1, 0))
    assert (found["betti_0"], found["betti_1"]) == (1, 0)
    assert found["bottleneck_1"] > 0.5


@needs_homology
def test_where_the_data_have_no_hole_bars_are_compared_with_their_radius():
    interval = draw("interval")
    for points, number in ((interval, 1), (interval[np.abs(interval[:, 0]) > 0.5], 2)):
        found = persistence.compare(points, interval, (1, 0, 0))
        assert [found[f"betti_{k}"] for k in range(3)] == [number, 0, 0]


@needs_homology
def test_bars_of_the_same_points_are_computed_once(monkeypatch):
    import ripser

    points = MANIFOLDS["circle"].draw(50, np.random.default_rng(3))
    first = persistence.bars(points)
    # In the plane there are loops, but no cavities.
    assert len(first) == 2
    monkeypatch.setattr(ripser, "ripser", lambda *args, **kwargs: pytest.fail("computes again"))
    assert persistence.bars(points) is first


@needs_homology
def test_bars_of_circle_and_sphere_are_as_long_as_their_radius_says(monkeypatch):
    # A dense circle's loop dies near √3, a sphere's cavity near √(8/3).
    circle = draw("circle")
    assert persistence.bars(circle)[1][:, 1].max() == pytest.approx(np.sqrt(3), abs=0.05)
    found = persistence.compare(circle, circle[::-1], (1, 1, 0))
    assert [found[f"betti_{k}"] for k in range(3)] == [1, 1, 0]
    assert found["bottleneck_1"] < 0.1
    # The cost grows with the fourth power of the number of points.
    monkeypatch.setattr(persistence, "_NUM_POINTS", 100)
    sphere = draw("sphere")
    assert persistence.bars(sphere)[2][:, 1].max() == pytest.approx(np.sqrt(8 / 3), abs=0.15)
    found = persistence.compare(sphere[::-1], sphere, (1, 0, 1))
    assert [found[f"betti_{k}"] for k in range(3)] == [1, 0, 1]


def test_other_data_are_refused():
    with pytest.raises(UsageError, match=r"topology:NAME.*Received: digits"):
        evaluation.check("known_topology", AngleModel(), datasets.load("digits"))
