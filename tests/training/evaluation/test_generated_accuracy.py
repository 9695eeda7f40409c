"""Models that answer by a known rule, and a classifier that reads a pixel."""

import types

import numpy as np
import pytest
import tensorflow as tf

from training.datasets.image_dataset import ImageDataset
from training.datasets.rotation import rotate
from training.datasets.splits import MemorySplit
from training.evaluation import generated_accuracy
from zoo.errors import UsageError

NUM = 450  # More than two batches of contexts.
LEVELS_PER_DIGIT = 25


def draw_digits(digits):
    """Grey images `[N, 5, 5, 1]`, black but for one pixel that says the digit."""
    images = np.zeros((len(digits), 5, 5, 1), np.uint8)
    images[:, 2, 4, 0] = LEVELS_PER_DIGIT * np.asarray(digits)
    return images


def read_digits(images):
    """The digits of float or uint8 images `[N, 5, 5, 1]`, as a tensor."""
    scale = 255.0 if images.dtype.is_floating else 1.0
    return tf.cast(tf.round(scale * tf.cast(images[:, 2, 4, 0], tf.float32) / 25), tf.int32)


class Classifier:
    image_shape = (5, 5, 1)

    def __call__(self, images):
        return tf.one_hot(read_digits(images), 10)


class Model:
    """The images that `answer(contexts, numbers)` says, `numbers` being those of the rows."""

    def __init__(self, data, answer):
        self.image_shape, self.context_shape = data.image_shape, data.context_shape
        self.answer = answer

    def sample(self, num, seed, temperature, context):
        assert temperature == 1.0
        rows = tf.range(num) + seed[1]
        images = tf.numpy_function(
            lambda c, r: (self.answer(c, r) / 255).astype(np.float32), [context, rows], tf.float32
        )
        return tf.ensure_shape(images, [None, *self.image_shape])


def make_data(name, image, context, label):
    split = MemorySplit({"image": image, "context": context, "label": label.astype(np.int32)})
    shapes = image.shape[1:], context.shape[1:]
    return ImageDataset(name, shapes[0], 100, "", {"test": split}, shapes[1])


def beside(*images):
    return np.concatenate(images, axis=-1)


def digits_of(context):
    return [
        read_digits(tf.constant(context[..., i : i + 1])).numpy() for i in range(context.shape[-1])
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def sums(rng):
    first, second = rng.integers(0, 10, (2, NUM))
    context = beside(draw_digits(first), draw_digits(second))
    label = (first + second) % 10
    return make_data("mnist_sum:mine", draw_digits(label), context, label)


@pytest.fixture
def pairs(rng):
    first, second = rng.integers(0, 10, (2, NUM))
    context = draw_digits((first + second) % 10)
    image = beside(draw_digits(first), draw_digits(second))
    return make_data("mnist_sum_hard", image, context, 10 * first + second)


@pytest.fixture
def turns(rng):
    label, turn = rng.integers(0, 10, NUM), rng.choice([0, 3, 6, 9], NUM)  # Whole quarters.
    context = beside(draw_digits(label), draw_digits(turn))
    return make_data("mnist_rotate", turned(label, turn), context, label)


def turned(digits, turns):
    return np.concatenate(
        [rotate(draw_digits([d]), 30 * t) for d, t in zip(digits, turns, strict=True)]
    )


def measure(data, answer, **options):
    model = Model(data, answer)
    return generated_accuracy.measure(model, data, Classifier(), **options)


def right_sum(context, rows):
    del rows
    first, second = digits_of(context)
    return draw_digits((first + second) % 10)


def test_right_answers_are_right_for_their_own_context_alone(sums):
    found = measure(sums, right_sum)
    labels = sums.arrays("test")["label"]
    assert found["accuracy"] == found["accuracy_of_data"] == 1.0
    starts = [slice(0, 200), slice(200, 400), slice(400, 450)]
    same = [np.mean(labels[s] == np.roll(labels[s], -1)) for s in starts]
    expected = np.average(same, weights=[200, 200, 50])
    assert found["accuracy_for_another_context"] == pytest.approx(expected)
    assert found["chance"] == pytest.approx(((np.bincount(labels) / NUM) ** 2).sum())
    assert (found["contexts"], found["samples"]) == (NUM, 4 * NUM)
    assert found["different_classes"] == found["deviation"] == 0.0
    assert found["different_classes_of_data"] == 0.0


def test_wrong_answers_count_sample_by_sample(sums):
    """Every fourth sample is right, and the others are all different."""

    def answer(context, rows):
        first, second = digits_of(context)
        return draw_digits((first + second + rows % 4) % 10)

    found = measure(sums, answer)
    assert found["accuracy"] == 0.25
    assert found["accuracy_of_data"] == 1.0
    assert found["different_classes"] == 1.0
    assert measure(sums, answer, samples_per_context=1, num_contexts=8)["accuracy"] == 0.25


def test_deviation_is_that_of_the_samples_of_a_context(sums):
    values = np.array([0, 50, 100, 200])

    def answer(context, rows):
        return draw_digits(np.zeros(len(context))) + np.uint8(values[rows % 4, None, None, None])

    found = measure(sums, answer, num_contexts=20)
    assert found["deviation"] == pytest.approx(np.std(values / 255, ddof=1), rel=1e-5)
    assert found["contexts"] == 20


def test_pairs_are_right_if_their_sum_is(pairs):
    def answer(context, rows):
        (wanted,) = digits_of(context)
        first = (rows % 4) // 2 * 3  # Two and two alike: four of six pairs differ.
        return beside(draw_digits(first), draw_digits((wanted - first) % 10))

    found = measure(pairs, answer)
    assert found["accuracy"] == found["accuracy_of_data"] == 1.0
    assert found["accuracy_for_another_context"] < 0.2
    assert found["different_classes"] == pytest.approx(4 / 6)
    assert found["different_classes_of_data"] == pytest.approx(0.9, abs=0.02)


def test_pairs_of_the_same_digits_are_right_for_even_sums_alone(pairs):
    def answer(context, rows):
        del rows
        (wanted,) = digits_of(context)
        return beside(draw_digits(wanted // 2), draw_digits(wanted // 2))

    label = pairs.arrays("test")["label"]
    even = np.mean((label // 10 + label % 10) % 2 == 0)
    assert measure(pairs, answer)["accuracy"] == pytest.approx(even)


def test_turned_digits_must_be_turned_as_the_context_says(turns):
    def answer(context, rows):
        del rows
        return turned(*digits_of(context))

    found = measure(turns, answer)
    assert found["accuracy"] == found["accuracy_of_data"] == 1.0
    upright = measure(turns, lambda context, _: draw_digits(digits_of(context)[0]))
    digit, turn = digits_of(turns.arrays("test")["context"])
    # Turned back, an upright digit's pixel is black, which reads 0.
    assert upright["accuracy"] == pytest.approx(np.mean((turn == 0) | (digit == 0)))


def test_values_are_what_json_and_the_command_line_take(sums):
    found = measure(sums, right_sum, samples_per_context=1)
    assert all(type(value) is float for value in found.values())
    assert "different_classes" not in found


@pytest.mark.parametrize("number", ["num_contexts", "samples_per_context"])
def test_refuses_numbers_below_one(sums, number):
    with pytest.raises(
        UsageError, match=f"{number} must be an int of at least 1. Received: {number}=0"
    ):
        measure(sums, right_sum, **{number: 0})


def test_refuses_what_does_not_fit(sums, pairs):
    model = Model(sums, right_sum)
    with pytest.raises(UsageError, match=r"made for .* on what it was trained on"):
        generated_accuracy.measure(model, pairs, Classifier())
    model.context_shape = None
    with pytest.raises(UsageError, match="no contexts"):
        generated_accuracy.measure(model, sums, Classifier())
    other = types.SimpleNamespace(image_shape=(28, 28, 1))
    with pytest.raises(UsageError, match=r"\(5, 5, 1\), but the classifier .* classifier_digits"):
        generated_accuracy.measure(Model(sums, right_sum), sums, other)
    color = make_data("color_mnist", np.zeros((2, 5, 5, 3)), np.zeros((2, 5, 5, 1)), np.zeros(2))
    with pytest.raises(UsageError, match=r"mnist_sum, mnist_sum_hard, mnist_rotate.*color_mnist"):
        generated_accuracy.measure(model, color)
