"""Whether samples have the data's share of each class, judged by a classifier (InfoVAE)."""

import numpy as np

from training.evaluation.classifiers import find_classifier, predict_classes

__all__ = ["measure"]


def measure(model, data, classifier=None, num_samples=2000, seed=0):
    """Compares the classes of samples with those of the test split, both as the classifier says.

    Args:
        model: A model without context.
        data: An `ImageDataset` of its images.
        classifier: A `zoo.ConvClassifier` or the name of a pretrained one; None: the pretrained
            one of the data set.
        num_samples: Number of samples, and of test images, at most as many as there are.
        seed: Of the samples.

    Returns:
        A dict: `total_variation`, half the sum of the absolute differences of the shares, in
        [0, 1]; `null`, the same between two halves of the test images, what chance alone makes
        (of half as many); `samples`; and `share_of_class_k` among samples.

    Raises:
        UsageError: There is no classifier of such images.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    classifier = find_classifier(classifier, data)
    num_samples = min(num_samples, data.num_examples["test"])
    batches = data.levels.batches("test", 200, num_samples)
    of_data = np.concatenate([predict_classes(classifier, batch["image"]) for batch in batches])
    parts = [
        predict_classes(classifier, model.sample(min(200, num_samples - start), (seed, start)))
        for start in range(0, num_samples, 200)
    ]
    shares = _shares(np.concatenate(parts), classifier)
    halves = [_shares(half, classifier) for half in (of_data[::2], of_data[1::2])]
    return {
        "total_variation": _total_variation(shares, _shares(of_data, classifier)),
        "null": _total_variation(*halves),
        "samples": num_samples,
        **{f"share_of_class_{k}": float(share) for k, share in enumerate(shares)},
    }


def _shares(classes, classifier):
    return np.bincount(classes, minlength=classifier.num_classes) / len(classes)


def _total_variation(shares, other_shares):
    return float(0.5 * np.abs(shares - other_shares).sum())
