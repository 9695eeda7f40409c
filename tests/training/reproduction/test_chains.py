"""The targets of models that infer or sample by chains: what is said and drawn."""

import numpy as np
import pytest

from training.reproduction import drawn
from training.reproduction.targets import TARGETS
from training.reproduction.targets.short_run import _NAMES


def short_run_numbers(errors, distances):
    rows = zip(errors, distances, strict=True)
    found = [{"rmse": error, "distance_of_samples": distance} for error, distance in rows]
    return dict(zip(_NAMES, found, strict=True))


@pytest.mark.parametrize(
    ("errors", "distances", "word"),
    [
        ((0.14, 0.1, 0.12, 0.11), (90.0, 60.0, 80.0, 70.0), "agrees: "),
        ((0.14, 0.1, 0.12, 0.13), (90.0, 60.0, 80.0, 70.0), "agrees in part: "),
        ((0.14, 0.1, 0.12, 0.13), (90.0, 60.0, 95.0, 70.0), "disagrees: "),
    ],
)
def test_errors_and_distances_are_put_in_order(errors, distances, word, tmp_path):
    target, numbers = TARGETS["short-run"], short_run_numbers(errors, distances)
    assert target.verdict(numbers).startswith(word)
    images = np.zeros((2, 4, 4, 1), np.uint8)
    arrays = {f"samples {name}": images for name in numbers}
    arrays |= {"images": images, "shown": images, "answers": np.stack([images] * 2)}
    if word == "agrees: ":
        target.draw(numbers, arrays, tmp_path / "short-run.png")
        drawn = {path.name for path in tmp_path.iterdir()}
        assert drawn == {"short-run.png", "short-run_filled_in.png"}


@pytest.mark.parametrize(
    ("information", "word"),
    [((0.02, 2.5), "agrees: "), ((0.5, 2.5), "disagrees: "), ((0.02, 0.04), "disagrees: ")],
)
def test_latents_are_used_by_short_run_alone(information, word, tmp_path):
    target = TARGETS["short-run-pixels"]
    rows = [
        {"information_at_least": each, "rate": 1.0, "log_num_images": np.log(100)}
        for each in information
    ]
    numbers = dict(zip(("ELBO", "short run"), rows, strict=True))
    assert target.verdict(numbers).startswith(word)
    assert "that 100 images can show" in target.verdict(numbers)
    if word == "agrees: ":
        images = np.zeros((2, 4, 4, 1), np.uint8)
        arrays = {f"answers {name}": np.stack([images] * 2) for name in numbers}
        target.draw(numbers, arrays | {"images": images}, tmp_path / "short-run-pixels.png")
        assert (tmp_path / "short-run-pixels.png").exists()


@pytest.mark.parametrize(
    ("precisions", "word"),
    [((0.1, 0.3, 0.5), "agrees: "), ((0.1, 0.3, 0.2), "agrees in part: "), ((3, 2, 1), "disag")],
)
def test_each_training_is_counted(precisions, word, tmp_path):
    target = TARGETS["energy-prior"]
    row = dict(zip(("VAE", "one layer", "joint"), precisions, strict=True)) | {"by_chance": 0.3}
    numbers = {"average_precision": {"1": row, "1, seed 1": row}}
    assert target.verdict(numbers).startswith(word)
    if word == "agrees: ":
        target.draw(numbers, {}, tmp_path / "energy-prior.png")
        assert (tmp_path / "energy-prior.png").exists()


def test_a_target_has_no_picture_of_another_whose_name_begins_with_its_own(tmp_path):
    for name in ("short-run.png", "short-run_filled_in.png", "short-run-pixels.png"):
        (tmp_path / name).touch()
    found = {name: drawn.pictures(tmp_path, TARGETS[name]) for name in TARGETS}
    assert [path.name for path in found["short-run"]] == [
        "short-run.png",
        "short-run_filled_in.png",
    ]
    assert [path.name for path in found["short-run-pixels"]] == ["short-run-pixels.png"]
