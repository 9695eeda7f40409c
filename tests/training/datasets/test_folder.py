import itertools
import os
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.datasets import load, memory


def write_image(path, value, size=(8, 8), channels=3):
    """Writes an image of one value and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, channels), value, np.uint8)
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """40 images of the values 0 to 39 in nested folders, in several formats."""
    for value in range(40):
        suffix = ("png", "bmp", "webp", "gif")[value % 4]
        name = f"{'abc'[value % 3]}/{value // 10}/{value:02}.{suffix}"
        if suffix == "webp":
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path, lossless=True)
        else:
            write_image(tmp_path / name, value)
    return tmp_path


def values_of(data, split):
    batches = data.batches(split, 7).as_numpy_iterator()
    return [int(image[0, 0, 0]) for batch in batches for image in batch["image"]]


def all_values(data):
    return sorted(itertools.chain.from_iterable(split_values(data).values()))


def split_values(data):
    return {split: values_of(data, split) for split in data.splits}


def test_every_image_is_in_one_split_unchanged(folder):
    data = load(f"folder:{folder}")
    assert data.image_shape == (8, 8, 3)
    assert data.num_classes is None
    splits = split_values(data)
    assert {split: len(values) for split, values in splits.items()} == data.num_examples
    assert all_values(data) == list(range(40))
    assert set(next(iter(data.batches("train", 4)))) == {"image"}
    # Sorted by path: folder a holds the multiples of 3, and so on.
    first_letters = [value % 3 for value in splits["train"]]
    assert first_letters == sorted(first_letters)


def test_images_keep_their_split_when_others_are_added_or_renamed(folder):
    before = split_values(load(f"folder:{folder}"))
    write_image(folder / "new/1.png", 100)
    (folder / "a").rename(folder / "z")
    after = split_values(load(f"folder:{folder}"))
    for split, values in before.items():
        assert set(values) <= set(after[split])


def test_large_folders_are_split_80_10_10(tmp_path):
    for value in range(400):
        pixels = np.full((1, 2, 1), value % 256, np.uint8)
        pixels[0, 1] = value // 256
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{value}.png")
    num = load(f"folder:{tmp_path}").num_examples
    # Binomial: 40 ± 6 images in each of the small splits.
    assert 22 <= num["validation"] <= 58
    assert 22 <= num["test"] <= 58


def test_few_held_out_images_are_told(tmp_path, folder):
    num = load(f"folder:{folder}").num_examples["test"]
    assert load(f"folder:{folder}").caveat.startswith(
        f"Only {num} images are held out for the test"
    )
    write_image(tmp_path / "one" / "a.png", 0)
    write_image(tmp_path / "one" / "b.png", 1)
    write_image(tmp_path / "one" / "c.png", 2, size=(64, 64))
    patches = load(f"folder:{tmp_path / 'one'}", image_size=4, fit="patches")
    assert patches.num_examples["test"] > 1
    assert patches.caveat.startswith("Only 1 photograph is held out"), "its patches are alike"


def test_no_split_of_a_small_folder_is_empty_and_copies_stay_together(tmp_path):
    for value in range(6):
        for copy in range(2):
            write_image(tmp_path / f"{copy}/{value}.png", value)
    splits = split_values(load(f"folder:{tmp_path}"))
    assert all(splits.values())
    assert sum(len(set(values)) for values in splits.values()) == 6


def test_too_few_images_for_three_splits(tmp_path):
    write_image(tmp_path / "1.png", 1)
    write_image(tmp_path / "2.png", 2)
    with pytest.raises(ValueError, match="training, a validation and a test split, received 2"):
        load(f"folder:{tmp_path}")


def test_streaming_from_disk_gives_the_same_images(folder, monkeypatch):
    in_memory = load(f"folder:{folder}")
    expected = {split: values_of(in_memory, split) for split in in_memory.splits}
    monkeypatch.setenv(memory.VARIABLE, "0")
    on_disk = load(f"folder:{folder}")
    assert split_values(on_disk) == expected
    stream = on_disk.train_batches(len(expected["train"]), seed=0)
    epoch = next(stream.as_numpy_iterator())["image"][:, 0, 0, 0].tolist()
    assert sorted(epoch) == sorted(expected["train"])
    assert epoch != expected["train"]


@pytest.mark.parametrize(
    ("first_channels", "asked", "expected"), [(1, None, 3), (3, None, 3), (1, 3, 3), (3, 1, 1)]
)
def test_one_image_in_colour_makes_a_folder_colour_unless_given(
    tmp_path, first_channels, asked, expected
):
    write_image(tmp_path / "0.png", 0, channels=first_channels)
    for value in range(1, 6):
        write_image(tmp_path / f"{value}.png", value, channels=4 - first_channels)
    data = load(f"folder:{tmp_path}", channels=asked)
    assert data.image_shape == (8, 8, expected)
    assert all_values(data) == list(range(6))
    num_grey = 1 if first_channels == 1 else 5
    assert (f", {num_grey} of them grey." in data.description) == (asked is None)


def test_a_grey_folder_stays_grey(tmp_path):
    for value in range(6):
        write_image(tmp_path / f"{value}.png", value, channels=1)
    assert load(f"folder:{tmp_path}").image_shape == (8, 8, 1)


def test_patches_of_a_photograph_share_a_split(tmp_path, monkeypatch):
    for value in range(12):
        write_image(tmp_path / f"{value}.png", value, size=(16, 24), channels=1 + 2 * (value % 2))
    in_memory = load(f"folder:{tmp_path}", image_size=8, fit="patches")
    assert in_memory.image_shape == (8, 8, 3)
    assert in_memory.description.startswith("72 patches of 12 images")
    expected = split_values(in_memory)
    assert all_values(in_memory) == sorted(list(range(12)) * 6)
    assert sum(len(set(values)) for values in expected.values()) == 12
    monkeypatch.setenv(memory.VARIABLE, "0")
    assert split_values(load(f"folder:{tmp_path}", image_size=8, fit="patches")) == expected


def test_patches_need_a_size_and_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"image_size for fit=.patches., received none"):
        load(f"folder:{tmp_path}", fit="patches")
    with pytest.raises(ValueError, match=r"a folder for fit=.patches., received digits"):
        load("digits", fit="patches")


def test_names_that_are_not_utf_8(tmp_path, monkeypatch):
    for value in range(6):
        path = os.fsencode(tmp_path) + b"/\xff%d.png" % value
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(path, "PNG")
    assert all_values(load(f"folder:{tmp_path}")) == list(range(6))
    monkeypatch.setenv(memory.VARIABLE, "0")
    assert all_values(load(f"folder:{tmp_path}")) == list(range(6))


@pytest.mark.parametrize("channels", [1, 3])
def test_12_bit_values_in_16_bits_are_refused_not_black(tmp_path, channels):
    values = np.random.default_rng(0).integers(0, 4096, (6, 8, 8, channels), np.uint16)
    for number, pixels in enumerate(values):
        (tmp_path / f"{number}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    with pytest.raises(ValueError, match=r"received 6, .*0\.png, with none above 16384.*by 16"):
        load(f"folder:{tmp_path}")
    for number, pixels in enumerate(values):
        (tmp_path / f"{number}.png").write_bytes(tf.io.encode_png(16 * pixels).numpy())
    data = load(f"folder:{tmp_path}")
    assert data.arrays("train")["image"].max() > 250


def test_what_is_left_out_is_told_in_one_warning(folder):
    (folder / "a" / "photo.heic").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"Left out of .*: 1 of other kinds \(\.heic: 1\)"):
        load(f"folder:{folder}")


def test_pictures_too_large_are_told_so(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="0 megapixels: save a smaller copy"):
        load(f"folder:{folder}", image_size=8)


def test_mixed_sizes_need_a_size(folder):
    write_image(folder / "b/large.png", 200, size=(8, 12))
    with pytest.raises(ValueError, match=r"8x8 pixels .*large\.png with 8x12; give image_size"):
        load(f"folder:{folder}")
    with pytest.raises(ValueError, match=r"8x8 pixels .*large\.png with 8x12"):
        load(f"folder:{folder}", image_size=8, fit="exact")
    for fit in ("crop", "resize"):
        data = load(f"folder:{folder}", image_size=(4, 6), fit=fit)
        assert data.image_shape == (4, 6, 3)
        assert sum(data.num_examples.values()) == 41


def test_crop_and_resize_differ_as_they_should(tmp_path):
    # Left and right thirds black, the middle white: a crop to a square sees white alone.
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 255
    for number in range(6):
        pixels[0, 0] = number  # so that the files differ
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    cropped = load(f"folder:{tmp_path}", image_size=8, fit="crop").sample_images("train", 1, 0)
    resized = load(f"folder:{tmp_path}", image_size=8, fit="resize").sample_images("train", 1, 0)
    assert (cropped == 255).all()
    assert resized[0, 4, 0, 0] == 0
    assert resized[0, 4, 4, 0] == 255


@pytest.fixture
def damaged(folder):
    """The folder with a file that is no image and the first file cut short."""
    (folder / "b/text.jpg").write_text("this is no image")
    first = folder / "a/0/00.png"
    first.write_bytes(first.read_bytes()[:-30])
    return folder


def test_unreadable_files_are_refused_by_name(damaged):
    with pytest.raises(ValueError, match="corrupt") as raised:
        load(f"folder:{damaged}")
    message = str(raised.value)
    assert "Expected 41 readable images, received 2" in message
    assert "text.jpg (UnidentifiedImageError" in message
    assert "00.png (" in message
    assert 'corrupt="skip"' in message


def test_unreadable_files_are_skipped_with_one_warning(damaged):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load(f"folder:{damaged}", corrupt="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "2 of 41 images" in str(caught[0].message)
    assert "text.jpg" in str(caught[0].message)
    assert "00.png" in str(caught[0].message)
    assert all_values(data) == list(range(1, 40))


def test_reasons_name_no_objects(damaged):
    with pytest.raises(ValueError, match="cannot identify image file") as raised:
        load(f"folder:{damaged}")
    assert "BytesIO" not in str(raised.value)
    assert " 0x" not in str(raised.value)


def test_a_folder_of_unreadable_files_only_of_known_shape(tmp_path):
    (tmp_path / "0.png").write_text("no image")
    message = r"received 1 files that cannot; check.*\n.*0\.png \(Unid"
    with pytest.raises(ValueError, match=message):
        load(f"folder:{tmp_path}", corrupt="skip", image_size=8, channels=1)


def test_a_folder_of_unreadable_files_only(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("no image")
    with pytest.raises(ValueError, match=r"received 3 files that cannot, .*0\.png"):
        load(f"folder:{tmp_path}", corrupt="skip")
