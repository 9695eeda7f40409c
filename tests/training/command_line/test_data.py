import dataclasses

import numpy as np
import pytest
from PIL import Image

from training import datasets
from training.command_line import cli
from training.command_line import data as data_command
from training.datasets import ImageDataset, memory
from training.datasets.splits import MemorySplit


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _rows(text, heading):
    """Returns the cells of the table that begins with `heading`, by the first cell of a row."""
    block = next(part for part in text.split("\n\n") if part.startswith(heading))
    lines = [line.split() for line in block.splitlines()[1:]]
    return {first: cells for first, *cells in lines}


def _digits_by_hand(split):
    batches = list(datasets.load("digits").batches(split, 1000).as_numpy_iterator())
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def test_data_describes_digits(capsys, tmp_path):
    assert cli.main(["data", "digits"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Reading digits ...\nMeasuring its images ...\n")
    assert "\n\ndigits\nscikit-learn's handwritten digits" in text
    assert "\n\nLicence: E. Alpaydin" in text
    assert "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)" in " ".join(text.split())
    assert not {"*", "["} & set(text), "no Markdown in a terminal"
    assert max(map(len, text.splitlines())) <= 80
    assert "images   16x16, 1 channel\n" in text
    assert "context" not in text
    assert "classes  10\n" in text
    values = _rows(text, "split")
    balance = _rows(text, "images a class")
    classes = _rows(text, "class ")
    assert list(values) == list(balance) == ["train", "validation", "test"]
    for column, split in enumerate(values):
        examples = _digits_by_hand(split)
        images, counts = examples["image"], np.bincount(examples["label"])
        shares = [f"{np.mean(images == level):.2%}" for level in (0, 255)]
        mean = f"{images.mean():.2f}"
        assert values[split] == [f"{len(images):,}", "0", "255", mean, *shares]
        assert balance[split] == [str(min(counts)), f"{counts.mean():.1f}", str(max(counts)), "0"]
        assert [classes[str(label)][column] for label in range(10)] == list(map(str, counts))
    assert not list(tmp_path.iterdir()), "no picture was asked for"


def test_data_describes_context_and_many_classes(capsys):
    assert cli.main(["data", "mnist_sum_hard:digits", "--image-size", "8"]) == 0
    text = capsys.readouterr().out
    assert "images   8x8, 2 channels\ncontext  8x8, 1 channel\nclasses  100\n" in text
    assert "\n\nclass " not in text, "a hundred classes are too many to list"
    labels = next(iter(datasets.load("mnist_sum_hard:digits").batches("test", 300)))["label"]
    counts = np.bincount(labels, minlength=100)
    row = _rows(text, "images a class")["test"]
    assert row == [str(counts.min()), "3.0", str(counts.max()), str(np.sum(counts == 0))]


def test_data_without_labels(capsys, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (6, 4), (30 * number, 0, 255)).save(folder / f"{number}.png")
    assert cli.main(["data", f"folder:{folder}", "--image-size", "4", "--channels", "3"]) == 0
    text = capsys.readouterr().out
    assert "classes  no labels" in text
    assert "images a class" not in text
    assert _rows(text, "split")["train"][1:3] == ["0", "255"]


def test_a_set_too_large_for_memory_is_measured_at_its_start(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "0")
    images = np.array([10, 20, 200], np.uint8).reshape(3, 1, 1, 1)
    split = MemorySplit({"image": images, "label": np.array([0, 1, 1], np.int32)})
    data = ImageDataset("large", (1, 1, 1), 2, "", {"train": split})
    text = data_command.describe(data, most=2)
    assert "measured over the first 2 images" in text
    assert _rows(text, "split")["train"] == ["3", "10", "20", "15.00", "0.00%", "0.00%"]
    assert _rows(text, "class ") == {"0": ["1"], "1": ["1"]}


def test_dequantised_pixels_are_measured_by_their_levels():
    data = datasets.load("digits", image_size=8)
    dequantized = dataclasses.replace(data, dequantization_seed=0)
    assert data_command.describe(dequantized) == data_command.describe(data)


@pytest.mark.parametrize(
    ("options", "file"),
    [
        (["--show"], "color_mnist-digits.png"),
        (["--output", "new/mine.png"], "new/mine.png"),
        (["--show", "--output", "mine.png"], "mine.png"),
    ],
)
def test_data_shows_examples(options, file, capsys, tmp_path):
    assert cli.main(["data", "color_mnist:digits", "--image-size", "8", *options]) == 0
    assert f"Wrote examples of each split to {file}." in capsys.readouterr().out
    assert np.asarray(Image.open(tmp_path / file).convert("RGB")).std() > 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mnits"], "Did you mean mnist"),
        (["folder:nowhere"], "nowhere"),
        (["folder:"], "folder:PATH"),
        (["digits", "--image-size", "0"], "--image-size"),
        (["digits", "--output", "mine.jpg"], "ends in .png"),
    ],
)
def test_data_refuses_in_one_paragraph(arguments, said, capsys):
    assert cli.main(["data", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: ")
    assert message.count("\n") == 1
    assert said in message


def test_data_tells_that_a_picture_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert cli.main(["data", "digits", "--output", "file/mine.png"]) == 2
    assert "file/mine.png" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["data", "--help"])
    assert stopped.value.code == 0
    assert "vae-zoo data mnist_sum --show" in capsys.readouterr().out
