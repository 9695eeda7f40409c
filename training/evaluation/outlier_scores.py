"""How well a model tells images of another kind from its own: by densities that it has.

The outliers of `mnist_without:DIGIT` are the test images of that digit (Pang et al. 2020, and the
papers before it), those of MNIST are Fashion-MNIST's and the other way round.
"""

import numpy as np
import tensorflow as tf
from sklearn.metrics import average_precision_score, roc_auc_score

from training import datasets
from training.datasets.held_out_digit import held_out_images
from zoo.errors import UsageError

__all__ = ["check", "measure", "ranking"]

DESCRIPTION = "images of another kind told from the data, by densities"

_OTHERS = {"mnist": "fashion_mnist", "fashion_mnist": "mnist"}
_BATCH_SIZE = 100


def measure(model, data, outliers=None, num_images=2000, num_samples=16, seed=0):
    """Measures how well low densities tell outliers from test images.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        outliers: Images of another kind, `[N, H, W, C]`, uint8 or float in [0, 1]. None: those that
            go with the data set's name.
        num_images: Test images and outliers, at most so many of either.
        num_samples: Importance samples of `log_prob`.
        seed: Of the latents.

    Returns:
        A dict of numbers by the name of a score and of a measure, as in `joint_area_under_roc`. The
        scores are

        - `joint`: log p(x|z) + log p(z) at a draw of z given x (Pang et al. 2020),
        - `log_prob`: the bound on log p(x),
        - `likelihood_ratio_k`, of a model that has `redraw`, for each k below its number of groups
          of latents: by how much `joint` is higher than where the k lowest groups are drawn from
          the prior (LLR^{>k} of Cui, Wu & Han 2023): a high ratio, not a low one, tells an outlier.

        The measures are `average_precision` (area under the precision-recall curve with outliers as
        positives) and `area_under_roc` (0.5 by chance). With them `outlier_share`, which is the
        average precision by chance, and `images`.

    Raises:
        UsageError: No outliers go with such data.

    Example:
        >>> measure(model, datasets.load("mnist_without:4"))
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    outliers = _outliers_of(data) if outliers is None else outliers
    num_images = min(num_images, data.num_examples["test"])
    images = np.concatenate([b["image"] for b in data.levels.batches("test", 200, num_images)])
    both = [_scores(model, part, num_samples, seed) for part in (images, outliers[:num_images])]
    is_outlier = np.repeat([0, 1], [len(part["joint"]) for part in both])
    found = {
        f"{score}_{name}": value
        for score in both[0]
        for name, value in ranking(
            is_outlier, np.concatenate([part[score] for part in both])
        ).items()
    }
    return found | {"outlier_share": float(is_outlier.mean()), "images": len(is_outlier)}


def check(model, data):
    """Raises UsageError if no outliers go with the data."""
    if data.name not in _OTHERS and held_out_images(data.name) is None:
        raise UsageError(
            "outlier_scores knows outliers for mnist, fashion_mnist and mnist_without:DIGIT. "
            f"Received: {data.name}. In Python pass images of another kind as outliers=."
        )


def ranking(is_outlier, log_densities):
    """Returns average precision and area under the ROC curve of low densities as outliers."""
    scores = -np.asarray(log_densities, np.float64)
    return {
        "average_precision": float(average_precision_score(is_outlier, scores)),
        "area_under_roc": float(roc_auc_score(is_outlier, scores)),
    }


def _outliers_of(data):
    check(None, data)
    held_out = held_out_images(data.name)
    if held_out is None:
        return datasets.load(_OTHERS[data.name]).arrays("test")["image"]
    return held_out


def _scores(model, images, num_samples, seed):
    """Returns the log-densities of images, nats, a dict of float64 `[N]`; an image by its row."""
    parts = []
    for start in range(0, len(images), _BATCH_SIZE):
        part, rows = tf.constant(images[start : start + _BATCH_SIZE]), tf.stack([seed, start])
        record = model.infer(part, seed=rows)
        joint = record.log_prior - record.distortion
        scores = {"joint": joint, "log_prob": model.log_prob(part, num_samples, rows)}
        if hasattr(model, "redraw"):
            for k in range(1, len(record.latents)):
                scores[f"likelihood_ratio_{k}"] = _joint_above(k, model, record, rows) - joint
        parts.append(scores)
    return {name: np.concatenate([np.float64(part[name]) for part in parts]) for name in parts[0]}


def _joint_above(k, model, record, seed):
    """Returns log p(x|z) + log p(z) with the k lowest groups of z drawn from the prior, `[B]`."""
    latents = model.redraw(record.latents, len(record.latents) - k, seed)
    return model.decode(latents).log_prob(record.images) + model.log_prior(latents)
