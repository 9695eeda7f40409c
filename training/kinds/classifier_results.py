"""What a classifier's run measures on the test split, and the picture of its mistakes."""

import numpy as np

from training import figures
from training.evaluation import measures
from training.kinds import classifier_card
from zoo.errors import UsageError

__all__ = ["final_metrics", "make_card", "save_figures", "summary", "test_measures"]

make_card = classifier_card.make_card

_NUM_MISTAKES = 24  # Images in the picture of mistakes.
_EVALUATION_BATCH = 500
_CLASS_NAMES = {
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}


def final_metrics(model, data, recipe, progress, test_logs, num_test_images):
    """Gathers a run's final measures: JSON-ready values, as `evaluation.measures` has them."""
    probabilities, labels = _predict(model, data)
    confusion = np.zeros([model.num_classes] * 2, int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    of_each_class = confusion.diagonal() / np.maximum(confusion.sum(axis=1), 1)
    return {
        "test": {name: float(np.squeeze(value)) for name, value in test_logs.items()}
        | {"probability_of_true_class": _mean_of_true(probabilities, labels)},
        "test_images": num_test_images,
        "accuracy_of_each_class": of_each_class.tolist(),
        "confusion": confusion.tolist(),  # Row: true class. Column: what it was taken for.
        **measures.training_facts(model, recipe, progress),
    }


def test_measures(model, data, batch_size):
    """Measures a classifier on the test split.

    Returns:
        A dict of `accuracy` and `probability_of_true_class` (its mean) in [0, 1], `cross_entropy`
        in nats an image, and the `loss` it was compiled with.

    Raises:
        UsageError: The data have no labels, or those of more classes than the classifier knows.
    """
    if data.num_classes is None or data.num_classes > model.num_classes:
        has = "no labels" if data.num_classes is None else f"{data.num_classes} classes"
        raise UsageError(
            f"The classifier knows {model.num_classes} classes, and {data.name} has {has}. Give a "
            "--dataset with labels of those classes."
        )
    logs = model.evaluate(data.batches("test", batch_size), return_dict=True, verbose=0)
    return logs | {"probability_of_true_class": _mean_of_true(*_predict(model, data))}


def _predict(model, data):
    """Returns probabilities `[N, K]` and labels `[N]` of the whole test split."""
    parts = [
        (np.asarray(model(batch["image"])), np.asarray(batch["label"]))
        for batch in data.batches("test", _EVALUATION_BATCH)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _mean_of_true(probabilities, labels):
    return float(probabilities[np.arange(len(labels)), labels].mean())


def save_figures(model, data, recipe, progress, folder):
    """Saves `mistakes.png`: the mistakes on the test split that the classifier was surest of."""
    del recipe, progress
    probabilities, labels = _predict(model, data)
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:_NUM_MISTAKES]
    batches = data.levels.batches("test", _EVALUATION_BATCH).as_numpy_iterator()
    images = np.concatenate([batch["image"] for batch in batches])[surest]
    names = _CLASS_NAMES.get(data.name) or [str(index) for index in range(model.num_classes)]
    captions = [f"{names[labels[i]]} → {names[predicted[i]]}" for i in surest]
    figures.save_captioned(folder / "mistakes.png", images, captions)


def summary(metrics):
    """Says in a line what a run reached."""
    test = metrics["test"]
    return (
        f"On the test split: accuracy {test['accuracy']:.2%} of {metrics['test_images']:,} images, "
        f"cross-entropy {test['cross_entropy']:.4f} nats an image."
    )
