"""How many samples a classifier reads with confidence, as it reads nearly all of the data."""

import numpy as np

from training.evaluation.classifiers import check, find_classifier, predict_probabilities

__all__ = ["check", "measure"]

DESCRIPTION = "share of samples that our classifier reads with confidence"
NEEDS = ()

_BATCH_SIZE = 200


def measure(
    model, data, classifier=None, num_samples=2000, temperatures=(1.0, 0.7), least=0.9, seed=0
):
    """Measures the share of samples whose likeliest class has a probability above `least`.

    Args:
        model: A model without context.
        data: An `ImageDataset` of its images.
        classifier: As in `class_distribution.measure`.
        num_samples: Number of samples, and of test images, at most as many as there are.
        temperatures: Scales of the standard deviations that `sample` draws with.
        least: A probability.
        seed: Of the samples.

    Returns:
        A dict of shares in [0, 1]: `at_temperature_T` for each T, and `data`, that of the test
        split; and the number of `images`.

    Raises:
        UsageError: There is no classifier of such images.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    classifier = find_classifier(classifier, data)
    num_samples = min(num_samples, data.num_examples["test"])
    sizes = [min(_BATCH_SIZE, num_samples - n) for n in range(0, num_samples, _BATCH_SIZE)]

    def share(batches):
        highest = [predict_probabilities(classifier, b).max(axis=1) for b in batches]
        return float(np.mean(np.concatenate(highest) > least))

    of_data = data.levels.batches("test", _BATCH_SIZE, num_samples)
    shares = {"data": share(batch["image"] for batch in of_data), "images": num_samples}
    for temperature in temperatures:
        samples = (
            model.sample(size, (seed, k * _BATCH_SIZE), temperature) for k, size in enumerate(sizes)
        )
        shares[f"at_temperature_{temperature:g}"] = share(samples)
    return shares
