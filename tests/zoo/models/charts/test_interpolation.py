"""Paths from chart to chart, of a model of a circle that is known."""

import numpy as np
import pytest

import zoo
from tests import contract
from zoo.models.charts.interpolation import shortest_routes

pytestmark = pytest.mark.usefixtures("uncompiled")


def test_routes_are_the_shortest():
    is_meeting = np.zeros((6, 6), bool)
    for a, b in [(0, 1), (1, 2), (2, 3), (0, 3)]:
        is_meeting[a, b] = is_meeting[b, a] = True
    routes = shortest_routes(is_meeting)
    assert routes[0, 0] == [0]
    assert routes[0, 1] == [0, 1]
    assert routes[0, 2] in ([0, 1, 2], [0, 3, 2])
    assert routes[4, 0] == [4, 0]  # Which meet nowhere.


@pytest.fixture(scope="module")
def circle():
    """Four charts of a circle: chart k has the angles from kπ/2 - 1 to kπ/2 + 1.

    An image of 2 pixels is ½ + ⅖ (cos θ, sin θ).
    """
    model = zoo.ChartVAE((2, 2, 1), 4, 1, filters=(2,), hidden_units=2, chart_units=2)
    centres = np.arange(4) * np.pi / 2

    def offsets(images):
        x = (np.reshape(images, [-1, 4])[:, :2] - 0.5) / 0.4
        angles = np.arctan2(x[:, 1], x[:, 0])[:, None] - centres
        return (angles + np.pi) % (2 * np.pi) - np.pi

    def places(images):
        off = offsets(images)
        near = np.where(np.abs(off) < 1, np.exp(-10 * np.abs(off)), 0)
        return near / near.sum(axis=1, keepdims=True), off[:, :, None]

    class Decoded:
        def __init__(self, latents):
            charts, u = latents
            self.angles = np.asarray(charts) @ centres + np.asarray(u)[:, 0]

        def mean(self):
            return images_at(self.angles)

    object.__setattr__(model, "_run_places", places)
    object.__setattr__(model, "decode", Decoded)
    object.__setattr__(model, "images_of", lambda likelihood, noise: likelihood.mean())
    return model


def images_at(angles):
    x = 0.5 + 0.4 * np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles], axis=1)
    return np.float32(x).reshape(-1, 2, 2, 1)


def test_a_path_stays_on_the_circle_and_jumps_nowhere(circle):
    through = images_at(np.linspace(0, 2 * np.pi, 200))
    starts, ends = np.array([0.1, 0.2, 3.0]), np.array([0.4, 2.9, 6.0])
    paths = circle.interpolate(images_at(starts), images_at(ends), 30, through)
    assert paths.shape == (3, 30, 2, 2, 1)
    x = (paths.reshape(3, 30, 4)[:, :, :2] - 0.5) / 0.4
    np.testing.assert_allclose(np.linalg.norm(x, axis=2), 1.0, atol=1e-5)
    np.testing.assert_allclose(paths[:, 0], images_at(starts), atol=1e-5)
    np.testing.assert_allclose(paths[:, -1], images_at(ends), atol=1e-5)
    steps = np.linalg.norm(np.diff(x, axis=1), axis=2)
    assert (steps.max(axis=1) / steps.mean(axis=1)).max() < 1.6


def test_it_runs_on_a_model_of_weights(images):
    model = contract.make_model("ChartVAE")
    paths = model.interpolate(images[:2], images[2:4], 5, through=images)
    np.testing.assert_allclose(paths[:, 0], model.reconstruct(images[:2]), atol=1e-5)
    np.testing.assert_allclose(paths[:, -1], model.reconstruct(images[2:4]), atol=1e-5)
