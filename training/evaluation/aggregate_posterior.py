"""How far the aggregate posterior q(z) is from the prior: MMD² and covariance (InfoVAE, Section 5).

q(z) is the average of q(z|x) over the data. Groups of latents are flattened and joined.
"""

import numpy as np
import tensorflow as tf

import zoo

__all__ = ["log_determinant_of_covariance", "measure", "posterior_samples", "prior_samples"]

_BATCH_SIZE = 200


def measure(model, data, split="test", num_samples=2000, seed=0):
    """Measures the distance between samples of q(z) and of p(z).

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        split: The split whose images give q(z).
        num_samples: Images, and samples of the prior, at most as many as the split has.
        seed: Of both draws.

    Returns:
        A dict: `mmd`, the unbiased estimate of MMD² (`zoo.divergences.MMD`'s default kernel);
        `mmd_null`, the same between two sets of samples of the prior; and
        `log_determinant`, the log-determinant of q(z)'s covariance less that of the prior's
        samples: 0 where they agree, negative where q(z) is too narrow; left out where there are
        not more samples than dimensions.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    num_samples = min(num_samples, data.num_examples[split])
    posterior = posterior_samples(model, data, split, num_samples, seed)
    # Each from noise of its own: with that of the posterior, prior samples would be too like.
    prior, other_prior = (prior_samples(model, num_samples, seed + i) for i in (1, 2))
    distance = zoo.divergences.MMD()
    found = {
        "mmd": float(distance(posterior, prior)),
        "mmd_null": float(distance(other_prior, prior)),
        "dimensions": posterior.shape[1],
        "samples": num_samples,
    }
    if num_samples > posterior.shape[1]:  # Otherwise the covariances are singular.
        determinants = [log_determinant_of_covariance(z) for z in (posterior, prior)]
        found["log_determinant"] = determinants[0] - determinants[1]
    return found


def posterior_samples(model, data, split, num_samples, seed):
    """Draws z ~ q(z|x), one for each of the first images of a split: float32 `[N, d]`."""

    @tf.function(autograph=False, reduce_retracing=True)
    def encode(images, start):
        return _flatten(model.encode(images, seed=tf.stack([seed, start])))

    rows, start = [], 0
    for batch in data.batches(split, _BATCH_SIZE, num_samples):
        rows.append(encode(batch["image"], tf.constant(start)).numpy())
        start += len(rows[-1])
    return np.concatenate(rows)


def prior_samples(model, num_samples, seed):
    """Draws z ~ p(z): float32 `[N, d]`."""

    @tf.function(autograph=False)
    def draw():
        return _flatten(model.sample_prior(num_samples, seed=seed))

    return draw().numpy()


def log_determinant_of_covariance(latents):
    """Log-determinant of the covariance of samples `[N, d]`, -inf where it is singular."""
    covariance = np.cov(np.asarray(latents, np.float64), rowvar=False)
    return float(np.linalg.slogdet(np.atleast_2d(covariance))[1])


def _flatten(groups):
    return tf.concat([tf.reshape(group, [tf.shape(group)[0], -1]) for group in groups], axis=1)
