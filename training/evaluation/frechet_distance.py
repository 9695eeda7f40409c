"""The Fréchet distance of samples and data in the features of one of our classifiers.

Heusel et al. 2017's formula on other features than theirs, those of Inception: no FID, and not to
be compared with one.
"""

import numpy as np

from training.evaluation.classifiers import check, features_of, find_classifier

__all__ = ["check", "frechet_distance", "measure"]

DESCRIPTION = "samples and data in our classifier's features; no FID"
NEEDS = ()


def measure(model, data, classifier=None, num_samples=2000, seed=0):
    """Measures how far samples are from the test split.

    Args:
        model: A model without context.
        data: An `ImageDataset` of its images.
        classifier: As in `class_distribution.measure`.
        num_samples: Number of samples, and of test images, at most as many as there are; beyond
            the number of features, or the covariances are singular.
        seed: Of the samples.

    Returns:
        A dict of `samples` and of `reconstructions` (z drawn), the squared distance to the test
        images in the features' own units; `null`, that of as many training images; and the number
        of `images`.

    Raises:
        UsageError: There is no classifier of such images.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    classifier = find_classifier(classifier, data)
    num_samples = min(num_samples, *(data.num_examples[split] for split in ("test", "train")))
    columns, start = {"data": [], "null": [], "samples": [], "reconstructions": []}, 0
    splits = (data.levels.batches(name, 200, num_samples) for name in ("test", "train"))
    for of_test, of_train in zip(*splits, strict=True):
        images, part_seed = of_test["image"], (seed, start)
        pictures = {
            "data": images,
            "null": of_train["image"],
            "samples": model.sample(len(images), part_seed),
            "reconstructions": model.reconstruct(images, seed=part_seed),
        }
        for name, values in pictures.items():
            columns[name].append(features_of(classifier, values))
        start += len(images)
    features = {name: np.concatenate(values) for name, values in columns.items()}
    of_data = features.pop("data")
    distances = {name: frechet_distance(values, of_data) for name, values in features.items()}
    return distances | {"images": num_samples}


def frechet_distance(features, other_features):
    """Returns ‖m - m'‖² + tr(S + S' - 2 (S S')^½) of the normals fitted to two sets `[N, F]`."""
    means = features.mean(axis=0), other_features.mean(axis=0)
    covariances = np.cov(features, rowvar=False), np.cov(other_features, rowvar=False)
    covariances = [np.atleast_2d(covariance) for covariance in covariances]
    root = _square_root(covariances[0])
    # S S' has the eigenvalues of the symmetric S^½ S' S^½.
    eigenvalues = np.linalg.eigvalsh(root @ covariances[1] @ root)
    overlap = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    traces = sum(np.trace(covariance) for covariance in covariances)
    return float(((means[0] - means[1]) ** 2).sum() + traces - 2.0 * overlap)


def _square_root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
