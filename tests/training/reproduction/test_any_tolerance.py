"""One model beside single ones: what is compared, drawn and said."""

import numpy as np
import pytest

from training.reproduction.targets import TARGETS

TARGET = TARGETS["any-tolerance"]


def numbers_of(rmse, ratio=None):
    point = {"label": "0.1", "tolerance": 0.1, "rmse": rmse, "rate": 35.0}
    if ratio is not None:
        single = {"single_rmse": 0.1, "single_rate": 35.0 / ratio}
        point |= single | {"ratio_at_one_error": ratio}
    multiplier = {"tolerance": 0.1, "multiplier": 2000.0, "of_the_elbo": 39200.0}
    sizes = {"JPEG": 200.0, "JPEG, sheet": 40.0, "WebP": None, "WebP, sheet": 36.0}
    file = {"label": "0.1", "tolerance": 0.1, "codec": 9.0, "kept_as_png": 0} | sizes
    return {"models": [point], "multipliers": [multiplier], "bytes_an_image": [file]}


@pytest.mark.parametrize(
    ("rmse", "ratio", "word"),
    [
        (0.098, 1.04, "agrees: "),
        (0.104, 1.04, "disagrees: "),
        (0.098, 1.06, "disagrees: "),
        (0.098, None, "no verdict: "),
    ],
)
def test_both_the_error_and_the_rate_are_judged(rmse, ratio, word):
    assert TARGET.verdict(numbers_of(rmse, ratio)).startswith(word)


def test_curves_and_images_are_drawn(tmp_path):
    images = np.zeros((2, 2, 4, 4, 1), np.uint8)
    arrays = {"images": images, "sizes": np.array([[9], [-80]])}
    TARGET.draw(numbers_of(0.1, 1.0), arrays, tmp_path / "any-tolerance.png")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"any-tolerance.png", "any-tolerance_images.png"}
