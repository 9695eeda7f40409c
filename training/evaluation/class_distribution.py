"""Whether samples have the data's share of each class, judged by a classifier (InfoVAE)."""

import numpy as np

from training.evaluation.classifiers import check, find_classifier, predict_classes

__all__ = ["check", "measure"]

DESCRIPTION = "whether samples have the data's share of each class"
NEEDS = ()

_NUM_NULL = 1000


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
        [0, 1]; `null`, the mean of the same between two draws of as many from the test split's
        shares, what chance alone makes; `samples`; and `share_of_class_k` among samples.

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
    shares, data_shares = (_shares(c, classifier) for c in (np.concatenate(parts), of_data))
    return {
        "total_variation": float(_total_variation(shares, data_shares)),
        "null": _null(data_shares, num_samples, seed),
        "samples": num_samples,
        **{f"share_of_class_{k}": float(share) for k, share in enumerate(shares)},
    }


def _shares(classes, classifier):
    return np.bincount(classes, minlength=classifier.num_classes) / len(classes)


def _total_variation(shares, other_shares):
    return 0.5 * np.abs(shares - other_shares).sum(axis=-1)


def _null(shares, num_samples, seed):
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(num_samples, shares, size=(2, _NUM_NULL)) / num_samples
    return float(_total_variation(*draws).mean())
