import numpy as np
import pytest
from PIL import Image

from training import figures
from training.datasets import ImageDataset
from training.datasets.splits import MemorySplit
from training.figures import canvas, examples


def _data(image_shape, context_shape=None, num_classes=10, num=12, **fields):
    """Random images; the label of each is its place."""
    rng = np.random.default_rng(0)
    arrays = {"image": rng.integers(0, 256, (num, *image_shape), dtype=np.uint8)}
    if context_shape is not None:
        arrays["context"] = rng.integers(0, 256, (num, *context_shape), dtype=np.uint8)
    if num_classes is not None:
        arrays["label"] = np.arange(num, dtype=np.int32)
    split = MemorySplit(arrays)
    splits = {"train": split, "validation": split, "test": split}
    return ImageDataset(
        "random", image_shape, num_classes, "", splits, context_shape=context_shape, **fields
    )


@pytest.fixture
def drawn(monkeypatch):
    """What is written and shown: two lists of (x, y, content)."""
    texts, images = [], []
    write, show = canvas.Canvas.write, canvas.Canvas.show

    def note_text(self, x, y, text, size, **style):
        texts.append((x, y, text))
        write(self, x, y, text, size, **style)

    def note_image(self, x, y, pixels):
        images.append((x, y, pixels))
        show(self, x, y, pixels)

    monkeypatch.setattr(canvas.Canvas, "write", note_text)
    monkeypatch.setattr(canvas.Canvas, "show", note_image)
    return texts, images


def _save(tmp_path, data):
    path = tmp_path / "new" / "examples.png"
    figures.save_examples(path, data)
    assert path.stat().st_size < 300_000, "even of random pixels"
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_a_label_is_its_class_name_where_there_is_one():
    assert examples._label(3, _data((8, 8, 1))) == "3"
    assert examples._label(3, _data((8, 8, 1), num_classes=1000)) == "003"
    assert examples._label(3, _data((8, 8, 1), class_names=tuple("abcdefghij"))) == "d"


def test_every_example_is_shown_below_its_label(tmp_path, drawn):
    data = _data((8, 8, 1), num_classes=1000)
    picture = _save(tmp_path, data)
    texts, images = drawn
    chosen = data.sample_examples("test", 10, 0)
    expected = [f"{label:03}" for label in chosen["label"]] * 3
    labels = [entry for entry in texts if len(entry[2]) == 3]
    assert [label for *_, label in labels] == expected
    for (label_x, label_y, _), (x, y, pixels) in zip(labels, images, strict=True):
        assert label_x == x + pixels.shape[1] / 2
        assert 0 < y - label_y < 15
    assert {"random", "train", "validation", "test"} <= {text for *_, text in texts}
    assert picture.shape[1] <= 1200


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_sharp_and_true(tmp_path, drawn, channels):
    data = _data((6, 8, channels), num_classes=None)
    picture = _save(tmp_path, data)
    _, images = drawn
    chosen = data.sample_examples("train", 10, 0)["image"]
    for image, (x, y, _) in zip(chosen, images, strict=False):
        zoom = images[0][2].shape[0] // 6
        shown = picture[y : y + 6 * zoom, x : x + 8 * zoom]
        enlarged = image.repeat(zoom, 0).repeat(zoom, 1)
        np.testing.assert_array_equal(shown, np.broadcast_to(enlarged, shown.shape))


@pytest.mark.parametrize(
    ("image_channels", "context_channels", "fields", "panels", "arrows"),
    [
        (1, 2, {}, 3, True),
        pytest.param(2, 1, {"channels_are_images": True}, 3, True, marks=pytest.mark.thorough),
        (3, None, {"channels_are_images": True}, 3, False),
        pytest.param(3, None, {}, 1, False, marks=pytest.mark.thorough),
        pytest.param(3, 3, {}, 2, True, marks=pytest.mark.thorough),
        pytest.param(4, None, {}, 4, False, marks=pytest.mark.thorough),
    ],
)
def test_context_and_channels_stand_side_by_side(
    tmp_path, drawn, image_channels, context_channels, fields, panels, arrows
):
    context_shape = context_channels and (28, 28, context_channels)
    data = _data((28, 28, image_channels), context_shape, **fields)
    picture = _save(tmp_path, data)
    texts, images = drawn
    assert len(images) == 3 * 10 * panels
    assert sum(text == "→" for *_, text in texts) == 30 * arrows
    ends = [(x + pixels.shape[1], y + pixels.shape[0]) for x, y, pixels in images]
    assert max(x for x, _ in ends) < picture.shape[1] <= 1200
    assert max(y for _, y in ends) < picture.shape[0]
    by_line = {}
    for (x, y, _), (end, _) in zip(images, ends, strict=True):
        assert x >= by_line.get(y, 0) + 2, "nothing overlaps"
        by_line[y] = end


def test_large_images_are_reduced(tmp_path, drawn):
    picture = _save(tmp_path, _data((200, 300, 3), num_classes=None))
    assert picture.shape[1] <= 1200
    height, width, _ = drawn[1][0][2].shape
    assert width / height == pytest.approx(1.5, rel=0.05)


def test_few_examples_and_a_long_name_with_dollars(tmp_path, drawn):
    data = _data((5, 5, 1), num=2)
    object.__setattr__(data, "name", "folder:/" + "very/long/" * 20 + "$a$b")
    picture = _save(tmp_path, data)
    texts, images = drawn
    assert len(images) == 6
    assert picture.shape[1] == 480
    assert texts[0][2].startswith("…")
    assert texts[0][2].endswith("$a$b")
