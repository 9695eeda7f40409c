"""How images are laid out in rows, and how large a picture is."""

import numpy as np
import pytest
from PIL import Image

from training import figures
from training.figures.grids import full_columns


@pytest.mark.parametrize(
    ("num", "columns"),
    [(1, 1), (5, 5), (12, 12), (13, 7), (16, 8), (17, 9), (25, 5), (32, 8), (72, 12), (100, 10)],
)
def test_the_last_row_is_as_full_as_can_be(num, columns):
    found = full_columns(num, 12)
    assert found == columns
    missing = -num % found
    assert missing == min(-num % c for c in range(min(4, found), 13))


@pytest.mark.parametrize(("num", "missing"), [(16, 0), (100, 0), (13, 1)])
def test_a_grid_has_no_holes_that_need_not_be(tmp_path, num, missing):
    path = tmp_path / "grid.png"
    figures.save_grid(path, np.zeros((num, 8, 8, 1), np.uint8))
    with Image.open(path) as opened:
        picture = np.asarray(opened)[..., 0]
    columns = full_columns(num, 12)
    zoom = picture.shape[1] // (10 * columns)
    blank = (picture[::zoom, ::zoom].reshape(-1, 10, columns, 10).mean((1, 3)) == 255).sum()
    assert blank == missing


@pytest.mark.parametrize(
    ("side", "num", "size"),
    [(28, 1, (270, 540)), (28, 12, (720, 120)), (8, 1, (320, 640)), (300, 1, (302, 604))],
)
def test_few_images_are_enlarged_to_a_sensible_size(tmp_path, side, num, size):
    """Width and height of the picture: 28x28 were 990 by 1980 pixels."""
    path = tmp_path / "pairs.png"
    images = np.zeros((num, side, side, 1), np.uint8)
    figures.save_reconstructions(path, images, images)
    with Image.open(path) as picture:
        assert picture.size == size
