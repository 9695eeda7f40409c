"""Whether a conditional model's samples answer their contexts, judged by a classifier.

The conditional tasks of Taming VAEs, Section 4.3: each has one right answer, or several. The
classifier reads the digits of a sample, and the sample is right if they answer the context.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import zoo
from training.datasets.compositions import DEGREES_PER_DIGIT
from training.datasets.rotation import rotate
from zoo import checks
from zoo.errors import SettingError, UsageError

__all__ = ["measure"]

DESCRIPTION = "whether samples answer their contexts (conditional models)"
NEEDS = ("latents", "context")

_BATCH_SIZE = 200  # Contexts.


@dataclasses.dataclass(frozen=True)
class _Task:
    """What a data set asks of its images.

    Attributes:
        answer: The answer that images with these labels give.
        is_turned: Whether the context's second digit says how far the image is turned.
    """

    answer: Callable[[np.ndarray], np.ndarray]
    is_turned: bool = False


_TASKS = {
    "mnist_sum": _Task(answer=lambda labels: labels),
    "mnist_sum_hard": _Task(answer=lambda labels: (labels // 10 + labels % 10) % 10),
    "mnist_rotate": _Task(answer=lambda labels: labels, is_turned=True),
}


def measure(
    model,
    data,
    classifier="classifier_mnist",
    split="test",
    num_contexts=None,
    samples_per_context=4,
    temperature=1.0,
    seed=0,
):
    """Measures how often samples, given a context, are right, and how much they differ.

    Args:
        model: A conditional `zoo.LatentImageModel`.
        data: `mnist_sum`, `mnist_sum_hard` or `mnist_rotate`, of any base.
        classifier: A `zoo.ConvClassifier` of the base's digits, or its name. Of a set whose images
            are turned, it sees them turned back by what it takes the context's second digit for.
        split: The split whose contexts are given.
        num_contexts: How many of them, the first ones; None for all.
        samples_per_context: At least 1.
        temperature: Scales the prior's standard deviations.
        seed: Of the samples; sample k of context i has the noise of row (seed, i · samples + k).

    Returns:
        A dict of floats, shares in [0, 1] unless said otherwise:

        - `accuracy`: of samples that are right;
        - `accuracy_for_another_context`: of samples that would be right for the next context;
        - `accuracy_of_data`: of the data's own images that the classifier takes for right;
        - `chance`: how often two examples have the same answer;
        - `different_classes`: of the pairs of samples of a context whose digits differ, and
          `different_classes_of_data`: of pairs of the data's images with the same answer;
        - `deviation`: of the samples of a context from their mean, root mean square in pixel units;
        - `contexts` and `samples`, numbers.

        With one sample a context the samples' own differences are left out.

    Raises:
        UsageError: The model is not conditional, the data set is none of the three or does not suit
            the model or the classifier, or a number is below its least.

    Example:
        >>> measure(model, datasets.load("mnist_sum"), num_contexts=1000)
    """
    task = _find_task(data)
    classifier = zoo.load(classifier) if isinstance(classifier, str) else classifier
    _check(model, data, classifier, num_contexts, samples_per_context)
    classify = _classify_with(classifier)
    draw = _draw_with(model, samples_per_context, temperature)
    columns, start = collections.defaultdict(list), 0
    for batch in data.levels.batches(split, _BATCH_SIZE, num_contexts):
        batch = {name: values.numpy() for name, values in batch.items()}
        samples = draw(batch["context"], tf.constant([seed, start]))
        for name, values in _judge(task, classify, batch, samples.numpy()).items():
            columns[name].append(values)
        start += samples_per_context * len(samples)
    return _summary(task, {name: np.concatenate(values) for name, values in columns.items()})


def _draw_with(model, samples_per_context, temperature):
    """Makes a function of contexts `[B, ...]` and a seed to samples `[B, K, H, W, C]`."""

    def draw(contexts, seed):
        given = tf.repeat(contexts, samples_per_context, axis=0)
        samples = model.sample(tf.shape(given)[0], seed, temperature, given)
        return tf.reshape(samples, [-1, samples_per_context, *samples.shape[1:]])

    return draw


def _classify_with(classifier):
    """Makes a function of grey images `[N, H, W, 1]` to classes, an array of ints `[N]`."""
    return lambda images: tf.argmax(classifier(tf.constant(images)), axis=-1).numpy()


def _judge(task, classify, batch, samples):
    """Returns what is to be known of each context of a batch, arrays `[B, ...]`."""
    num, samples_per_context = samples.shape[:2]
    deviations = samples - samples.mean(axis=1, keepdims=True)
    levels = np.round(255 * np.clip(samples, 0, 1)).astype(np.uint8)
    levels = levels.reshape(-1, *levels.shape[2:])
    context = batch["context"]
    read = functools.partial(_read, task, classify)
    classes = read(levels, np.repeat(context, samples_per_context, axis=0))
    # By the next context another angle may be asked for, too.
    others = np.roll(context, -1, axis=0)
    as_other = read(levels, np.repeat(others, samples_per_context, axis=0))
    wanted = task.answer(batch["label"])[:, np.newaxis]
    classes, as_other = (c.reshape(num, samples_per_context) for c in (classes, as_other))
    return {
        "right": task.answer(classes) == wanted,
        "right_for_another": task.answer(as_other) == np.roll(wanted, -1, axis=0),
        "data_right": task.answer(read(batch["image"], context)) == wanted[:, 0],
        "classes": classes,
        "labels": batch["label"],
        "squared_deviations": (deviations**2).sum(axis=1).mean(axis=(1, 2, 3)),
    }


def _read(task, classify, images, context):
    """Reads the digits of images `[N, H, W, C]`, one a channel, as a number of C digits."""
    if task.is_turned:
        images = _turn_back(images, classify(context[..., 1:]))
    digits = [classify(images[..., i : i + 1]) for i in range(images.shape[-1])]
    return functools.reduce(lambda number, digit: 10 * number + digit, digits)


def _turn_back(images, turns):
    turned = images.copy()
    for turn in np.unique(turns):
        turned[turns == turn] = rotate(images[turns == turn], -DEGREES_PER_DIGIT * turn)
    return turned


def _summary(task, found):
    samples_per_context = found["classes"].shape[1]
    answers = task.answer(found["labels"])
    groups = [found["labels"][answers == answer] for answer in np.unique(answers)]
    summary = {
        "accuracy": found["right"].mean(),
        "accuracy_for_another_context": found["right_for_another"].mean(),
        "accuracy_of_data": found["data_right"].mean(),
        "chance": sum((len(group) / len(answers)) ** 2 for group in groups),
        "different_classes_of_data": _share_of_different_pairs(groups),
        "contexts": len(answers),
        "samples": found["classes"].size,
    }
    if samples_per_context > 1:
        variance = found["squared_deviations"].mean() / (samples_per_context - 1)
        summary["different_classes"] = _share_of_different_pairs(found["classes"])
        summary["deviation"] = np.sqrt(variance)
    return {name: float(value) for name, value in summary.items()}


def _share_of_different_pairs(groups):
    """How often two of a group differ, each group counting by its number of pairs."""
    pairs = sum(len(group) * (len(group) - 1) for group in groups)
    counts = [np.unique(group, return_counts=True)[1] for group in groups]
    equal = sum((count * (count - 1)).sum() for count in counts)
    return 1 - equal / max(pairs, 1)


# === Refusals ===


def _find_task(data):
    kind = data.name.partition(":")[0]
    if kind not in _TASKS:
        expected = f"one of {', '.join(_TASKS)}, whose contexts ask for an answer"
        raise SettingError("dataset", expected, data.name)
    return _TASKS[kind]


def _check(model, data, classifier, num_contexts, samples_per_context):
    shapes = (data.image_shape, data.context_shape)
    if (model.image_shape, model.context_shape) != shapes:
        raise UsageError(
            f"{data.name} has images and contexts of shapes {shapes[0]} and {shapes[1]}, and the "
            f"model was made for {model.image_shape} and {model.context_shape or 'no contexts'}. "
            "Measure a conditional model on what it was trained on."
        )
    digit_shape = (*data.image_shape[:2], 1)
    if tuple(classifier.image_shape) != digit_shape:
        raise UsageError(
            f"The digits of {data.name} have shape {digit_shape}, but the classifier takes images "
            f"of shape {tuple(classifier.image_shape)}. Train one of that shape, as with vae-zoo "
            "train classifier_digits, and pass it as classifier=zoo.load(path)."
        )
    checks.integer("samples_per_context", samples_per_context)
    if num_contexts is not None:
        checks.integer("num_contexts", num_contexts)
