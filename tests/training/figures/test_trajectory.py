import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from training import figures
from training.figures import trajectory


def _read(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_grid_is_an_exact_enlargement(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 6, 1), dtype=np.uint8)
    figures.save_grid(tmp_path / "new" / "grid.png", images, num_columns=3)
    picture = _read(tmp_path / "new" / "grid.png")
    zoom = 256 // 8  # An image's height is 256 at most.
    assert picture.shape == (2 * 10 * zoom, 3 * 8 * zoom, 3)
    small = picture[::zoom, ::zoom]
    np.testing.assert_array_equal(np.repeat(np.repeat(small, zoom, 0), zoom, 1), picture)
    np.testing.assert_array_equal(small[11:19, 9:15, 0], images[4, ..., 0])
    assert (small[10:, 16:] == 255).all(), "no image stands here"


def test_reconstructions_stand_below_their_images(tmp_path):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    images[2] = 200
    reconstructions = np.full((4, 8, 8, 3), 0.5, np.float32)
    figures.save_reconstructions(tmp_path / "pairs.png", images, reconstructions, num_columns=2)
    zoom = 256 // 8
    small = _read(tmp_path / "pairs.png")[::zoom, ::zoom]
    assert small.shape == (4 * 10 + 2, 20, 3)
    centres = small[[5, 15, 27, 37]][:, 5, 0]
    np.testing.assert_array_equal(centres, [0, 128, 200, 128])


def test_wide_images_stand_in_fewer_columns(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), dtype=np.uint8)
    figures.save_grid(tmp_path / "colours.png", images)
    figures.save_grid(tmp_path / "panels.png", images, channels_are_images=True)
    figures.save_reconstructions(tmp_path / "pairs.png", images, images, channels_are_images=True)
    zoom = 1000 // 120
    assert _read(tmp_path / "colours.png").shape == (10 * zoom, 120 * zoom, 3)
    zoom = 1000 // (4 * 26)
    panels = _read(tmp_path / "panels.png")[::zoom, ::zoom]
    assert panels.shape == (3 * 10, 4 * 26, 3)
    np.testing.assert_array_equal(panels[1:9, 17:25, 0], images[0, ..., 2])
    assert _read(tmp_path / "pairs.png").shape == ((6 * 10 + 2 * 2) * zoom, 104 * zoom, 3)


def test_a_context_stands_to_the_left():
    images, context = np.zeros((2, 4, 4, 1)), np.full((2, 4, 4, 2), 0.2)
    np.testing.assert_array_equal(figures.beside_context(images), figures.as_pixels(images))
    row = figures.beside_context(images, context)[1, 2, :, 0]
    assert row.tolist() == [51] * 8 + [255] * 2 + [0] * 4


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels_can_be_shown(channels):
    images = np.random.default_rng(0).uniform(-0.2, 1.2, (2, 4, 4, channels))
    expected = np.round(images.clip(0, 1) * 255)
    if channels == 3:
        np.testing.assert_array_equal(figures.as_pixels(images), expected)
    pixels = figures.as_pixels(images, channels_are_images=True)
    assert pixels.shape == (2, 4, 4 * channels, 3)
    for colour in range(3):
        side_by_side = np.concatenate(np.moveaxis(expected, -1, 0), axis=2)
        np.testing.assert_array_equal(pixels[..., colour], side_by_side)


def _rows(with_multiplier):
    rows = []
    for step in range(100, 1100, 100):
        row = {"step": step, "val_rate": 3e4 / step, "val_distortion": -step, "val_rmse": 30 / step}
        if with_multiplier:
            row["val_reconstruction_error_multiplier"] = 10.0 * step
        rows.append(row)
    return rows


def _colours(picture):
    """Number of distinct colours that are not grey."""
    is_coloured = np.ptp(picture.astype(int), axis=-1) > 60
    return len(np.unique(picture[is_coloured], axis=0))


def test_trajectory_of_geco_has_three_panels(tmp_path):
    path = tmp_path / "trajectory.png"
    figures.save_trajectory(path, _rows(True), (8, 8, 1), {"ReconstructionError": 0.1})
    picture = _read(path)
    assert picture.shape == (444, 1596, 3)
    for panel in np.array_split(picture, 3, axis=1):
        assert _colours(panel) >= 10, "each panel shows the ten epochs in their colours"


def test_trajectory_without_constraint_has_two_panels(tmp_path):
    path = tmp_path / "trajectory.png"
    figures.save_trajectory(path, _rows(False), (8, 8, 1), {})
    assert _read(path).shape == (444, 1080, 3)


def test_equivalent_beta_is_drawn_without_warnings(tmp_path):
    rows = [row | {"val_reconstruction_error_multiplier": np.exp(30.0)} for row in _rows(True)]
    rows[0]["val_reconstruction_error_multiplier"] = np.exp(-30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = tmp_path / "trajectory.png"
        figures.save_trajectory(path, rows, (64, 64, 3), {"ReconstructionError": 1e-3})
        extremes = np.array([0.0, 1e-45, np.inf], np.float32)
        betas = trajectory._reciprocal(extremes, 1e12)
        assert (np.isfinite(betas) & (betas > 0)).all()
        values = np.exp(np.linspace(-30.0, 30.0, 7)).astype(np.float32)
        np.testing.assert_allclose(trajectory._reciprocal(values, 1e12) * values, 1e12, rtol=1e-6)


def test_trajectory_of_one_epoch(tmp_path):
    path = tmp_path / "trajectory.png"
    figures.save_trajectory(path, _rows(True)[:1], (8, 8, 1), {"ReconstructionError": 0.1})
    assert _colours(_read(path)) >= 1


@pytest.mark.parametrize("steps", [[20], [20, 40], [20, 40, 60]])
def test_the_ends_of_a_trajectory_are_named_once(steps):
    axes = Figure().subplots()
    trajectory._draw_plane(axes, np.arange(len(steps)), np.arange(len(steps)), steps)
    named = [text.get_text() for text in axes.texts]
    assert named == [f"step {step}" for step in sorted({steps[0], steps[-1]})]
