"""How much a few labels tell with the latents: the error of a linear classifier on z (InfoVAE)."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.evaluation.latents import posterior_means
from zoo.errors import UsageError

__all__ = ["check", "measure"]

DESCRIPTION = "the error of a linear classifier on z with 100 and 1000 labels"

_NUM_LABELS = (100, 1000)


def measure(model, data, num_images=5000, repeats=5, seed=0):
    """Measures the test error of logistic regression on posterior means (of a flow: z at noise 0).

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images, with labels.
        num_images: Test images, at most; the labelled ones come from as many training images.
        repeats: Draws of the labelled images, for the mean and the spread.
        seed: Of these draws.

    Returns:
        A dict of `error_with_100_labels` and `error_with_1000_labels` (where there are that many),
        shares in [0, 1], means over the draws, and of each the standard deviation,
        `error_with_100_labels_deviation`; `chance` is the error of naming the commonest class.

    Raises:
        UsageError: The data have no labels.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    check(model, data)
    latents = {s: posterior_means(model, data, s, num_images) for s in ("train", "test")}
    labels = {split: _labels(data, split, num_images) for split in latents}
    generator = np.random.default_rng(seed)
    found = {"chance": float(1.0 - np.bincount(labels["test"]).max() / len(labels["test"]))}
    for number in _NUM_LABELS:
        if number > len(labels["train"]):
            continue
        errors = []
        for _ in range(repeats):
            rows = generator.choice(len(labels["train"]), number, replace=False)
            classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            classifier.fit(latents["train"][rows], labels["train"][rows])
            errors.append(1.0 - classifier.score(latents["test"], labels["test"]))
        found[f"error_with_{number}_labels"] = float(np.mean(errors))
        found[f"error_with_{number}_labels_deviation"] = float(np.std(errors))
    return found


def check(model, data):
    """Raises UsageError if the data have no labels."""
    if data.num_classes is None:
        raise UsageError(f"linear_classifier needs labels, and {data.name} has none.")


def _labels(data, split, num_images):
    num_images = min(num_images, data.num_examples[split])
    return np.concatenate([batch["label"] for batch in data.batches(split, 500, num_images)])
