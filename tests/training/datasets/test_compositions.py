import functools
import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from tests.tiers import cover
from training.datasets import load, sources
from training.datasets.compositions import COMPOSITIONS, load_composition
from training.datasets.rotation import rotate

NAMES = tuple(COMPOSITIONS)
SPLITS = ("train", "validation", "test")


_load_once = functools.cache(load)


@pytest.fixture(scope="module", params=cover(["digits", "mnist"], ["digits"]))
def base(request):
    if (
        request.param == "mnist"
        and not (Path(os.environ.get("TFDS_DATA_DIR", "/nowhere")) / "mnist").is_dir()
    ):
        pytest.skip("TFDS_DATA_DIR has no prepared MNIST")
    return _load_once(request.param)


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def composed(name, base):
    return load_composition(name, base.name, lambda: base, seed=0)


class LabelsByImage:
    """Finds the labels of source images by their bytes: independent of how a set is composed."""

    def __init__(self, arrays):
        pairs = set(zip(map(bytes, arrays["image"]), arrays["label"].tolist(), strict=True))
        self._labels = dict(pairs)
        assert len(self._labels) == len(pairs), "the same image under two labels"

    def __call__(self, images):
        """Labels `[N]` of images `[N, H, W]`; KeyError for an image that is not in the split."""
        return np.array([self._labels[bytes(image)] for image in np.ascontiguousarray(images)])


def channels(images):
    return np.moveaxis(images, -1, 0)


def sources_of(name, examples):
    """The source digits of a composed split as they came from the base, `[K, N, H, W]`."""
    if name == "mnist_rotate":  # its image is rotated: see the test of rotation
        return channels(examples["context"])
    parts = [channels(examples[key]) for key in ("context", "image") if key in examples]
    return np.concatenate(parts)


def expected_label(name, labels):
    if name == "color_mnist":
        return 100 * labels[0] + 10 * labels[1] + labels[2]
    if name == "mnist_triplets":
        return 10 * labels[0] + labels[1]
    if name == "mnist_sum":
        return labels[2]
    if name == "mnist_sum_hard":
        return 10 * labels[1] + labels[2]
    return labels[0]


def sum_law(name, labels):
    """Whether each example has the sum that its set promises; True where it promises none."""
    if name in ("mnist_triplets", "mnist_sum"):
        return (labels[0] + labels[1]) % 10 == labels[2]
    if name == "mnist_sum_hard":  # context first: (sum, first, second)
        return (labels[1] + labels[2]) % 10 == labels[0]
    return np.array(True)


def test_every_example_obeys_the_law_of_its_set(name, base, composed):
    for split in SPLITS:
        examples = composed.arrays(split)
        find = LabelsByImage(base.arrays("train" if name == "micro_mnist" else split))
        labels = [find(images) for images in sources_of(name, examples)]
        assert sum_law(name, labels).all()
        np.testing.assert_array_equal(examples["label"], expected_label(name, labels))


def test_no_image_of_one_split_is_a_source_of_another(name, base, composed):
    if name == "micro_mnist":
        pytest.skip("its splits are the same seven training images")
    images = {}
    for split in SPLITS:
        images[split] = set(map(bytes, base.arrays(split)["image"]))
        used = sources_of(name, composed.arrays(split))
        assert {bytes(image) for column in used for image in column} <= images[split]
    for first, second in itertools.combinations(SPLITS, 2):
        assert not images[first] & images[second]


@pytest.mark.parametrize(
    "splits", [("validation", "test"), pytest.param(("train",), marks=pytest.mark.slow)]
)
def test_rotation_is_that_of_another_digit_of_the_class_by_scipy(base, splits):
    data = load_composition("mnist_rotate", base.name, lambda: base, seed=0)
    for split in splits:
        arrays, examples = base.arrays(split), data.arrays(split)
        labels = arrays["label"]
        first, second, third = sources.choose_rotation(labels, 0).T
        np.testing.assert_array_equal(arrays["image"][first], examples["context"][..., :1])
        np.testing.assert_array_equal(arrays["image"][second], examples["context"][..., 1:])
        assert (first != third).all()
        np.testing.assert_array_equal(labels[first], labels[third])
        for digit in range(10):
            places = np.flatnonzero(labels[second] == digit)
            expected = scipy.ndimage.rotate(
                arrays["image"][third[places]].astype(np.float64),
                30.0 * digit,
                axes=(2, 1),
                reshape=False,
                order=1,
                mode="grid-constant",
            )
            error = np.abs(expected - examples["image"][places])
            assert error.max() < 0.51  # rounding to whole levels, and float32


@pytest.mark.parametrize("shape", [(8, 8), (7, 10)])
def test_rotation_turns_counterclockwise(shape):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rotate(images, 0.0), images)
    np.testing.assert_array_equal(rotate(images, 180.0), images[:, ::-1, ::-1])
    if shape[0] == shape[1]:
        np.testing.assert_array_equal(rotate(images, 90.0), np.rot90(images, axes=(1, 2)))


def test_sources_serve_equally_often(base):
    for split in SPLITS:
        labels = base.arrays(split)["label"]
        num = len(labels)
        for choose in (sources.choose_three, sources.choose_rotation):
            for column in choose(labels, 5).T:
                np.testing.assert_array_equal(np.sort(column), np.arange(num))
        third = np.bincount(sources.choose_sum(labels, 5)[:, 2], minlength=num)
        for digit in range(10):
            assert np.ptp(third[labels == digit]) <= 1


def test_classes_are_balanced(name, composed):
    if name == "micro_mnist":
        counts = np.bincount(composed.arrays("test")["label"], minlength=7)
        np.testing.assert_array_equal(counts, np.ones(7))
        return
    labels = composed.arrays("train")["label"]
    counts = np.bincount(labels, minlength=composed.num_classes)
    mean = len(labels) / composed.num_classes
    # The base's classes differ by up to a fifth; a joint class by that for each part, and by the
    # spread of a random count, here five standard deviations of it.
    assert counts.max() < 1.2**3 * mean + 5 * np.sqrt(mean)
    assert counts.min() > 0.8**3 * mean - 5 * np.sqrt(mean)


def test_micro_mnist_is_seven_training_images_in_every_split(base):
    data = load_composition("micro_mnist", base.name, lambda: base, seed=0)
    other_seed = load_composition("micro_mnist", base.name, lambda: base, seed=9)
    train = base.arrays("train")
    places = [list(train["label"]).index(digit) for digit in range(7)]
    for split in SPLITS:
        np.testing.assert_array_equal(data.arrays(split)["image"], train["image"][places])
        np.testing.assert_array_equal(data.arrays(split)["label"], np.arange(7))
        np.testing.assert_array_equal(
            data.arrays(split)["image"], other_seed.arrays(split)["image"]
        )


_HASH_SETS = """
import hashlib
from training.datasets import load
hashes = []
for name in {names}:
    data = load(f"{{name}}:digits", seed=3)
    digest = hashlib.sha256()
    for split in ("train", "validation", "test"):
        for key, values in sorted(data.arrays(split).items()):
            digest.update(key.encode() + values.tobytes())
    hashes.append(digest.hexdigest())
"""


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_bytes_in_two_processes():
    code, here = _HASH_SETS.format(names=NAMES), {}
    exec(code, here)
    command = [sys.executable, "-c", code + "print(*hashes)"]
    environment = os.environ | {"PYTHONHASHSEED": "1"}  # Here it is another one, or none.
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert there.stdout.split() == here["hashes"]
    assert len(set(here["hashes"])) == len(NAMES)


def test_the_tables_of_sources_never_change():
    labels = np.arange(1000) * 7 % 10
    tables = [
        choose(labels, 2).astype("<i8").tobytes()
        for choose in (sources.choose_three, sources.choose_sum, sources.choose_rotation)
    ]
    digest = hashlib.sha256(b"".join(tables)).hexdigest()
    assert digest == "c666901dc23eebfbbe1b0e8372903d3322ab8719a46bddd3b54f28bac9187f9a"


def test_another_seed_chooses_other_sources():
    labels = np.arange(100) % 10
    for choose in (sources.choose_three, sources.choose_sum, sources.choose_rotation):
        assert (choose(labels, 0) != choose(labels, 1)).any()


def test_size_follows_the_base():
    data = load("mnist_sum_hard:digits", image_size=(8, 12))
    assert data.image_shape == (8, 12, 2)
    assert data.context_shape == (8, 12, 1)
    batch = next(iter(data.train_batches(5, seed=0)))
    assert batch["image"].shape == (5, 8, 12, 2)
    assert batch["context"].shape == (5, 8, 12, 1)
    assert data.channels_are_images


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mnist_sum:micro_mnist:digits", {}, "received micro_mnist:digits .* 7 classes"),
        ("color_mnist:mnist_sum:digits", {}, "received mnist_sum:digits, which is itself composed"),
        ("color_mnist:digits", {"channels": 1}, "leave channels unset"),
        ("color_mnist:digitz", {}, "received 'digitz'.*Did you mean digits"),
        ("color_mnist:", {}, "received 'color_mnist:'"),
        ("mnist_sums", {}, "Did you mean mnist_sum"),
    ],
)
def test_a_base_that_cannot_be_composed_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        load(name, **options)


def test_what_would_not_fit_in_memory_is_refused():
    message = r"fit in 4 GiB .* received 64x64 pixels of digits, .* 14\.\d GiB; give a smaller"
    with pytest.raises(ValueError, match=message):
        load("color_mnist:digits", image_size=64, rounds=1000)
    assert load("micro_mnist:digits", image_size=64).num_examples["train"] == 7


def test_rounds_pair_the_training_images_anew():
    once, thrice = load("mnist_sum:digits"), load("mnist_sum:digits", rounds=3)
    num = once.num_examples["train"]
    assert thrice.num_examples == once.num_examples | {"train": 3 * num}
    ours, theirs = (data.arrays("train") for data in (thrice, once))
    for key, values in theirs.items():
        np.testing.assert_array_equal(ours[key][:num], values)
    rounds = ours["context"].reshape(3, num, *ours["context"].shape[1:])
    np.testing.assert_array_equal(rounds[0, ..., 0], rounds[1, ..., 0], "the first source")
    assert (rounds[0, ..., 1] != rounds[1, ..., 1]).any(axis=(1, 2)).mean() > 0.9
    labels_of = LabelsByImage(load("digits").arrays("train"))
    first, second = (labels_of(ours["context"][..., k]) for k in (0, 1))
    np.testing.assert_array_equal((first + second) % 10, ours["label"])


@pytest.mark.parametrize(
    ("name", "rounds", "message"),
    [
        ("mnist_sum:digits", 0, "rounds must be an int of at least 1. Received: rounds=0"),
        ("digits", 2, "a composed set, such as mnist_sum, for rounds=2, received digits"),
        ("micro_mnist:digits", 2, "received micro_mnist:digits"),
    ],
)
def test_rounds_that_cannot_be_are_refused(name, rounds, message):
    with pytest.raises(ValueError, match=message):
        load(name, rounds=rounds)
