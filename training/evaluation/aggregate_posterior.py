"""How far the aggregate posterior q(z) is from the prior: MMD² and covariance (InfoVAE, Section 5).

q(z) is the average of q(z|x) over the data. Groups of latents are flattened and joined.
"""

import numpy as np

import zoo
from training.evaluation.latents import posterior_samples, prior_samples

__all__ = ["log_determinant_of_covariance", "measure"]

DESCRIPTION = "MMD² between q(z) and the prior beside its null; covariance of q(z)"

_NUM_NULL = 20


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
        `mmd_null` and `mmd_null_deviation`, mean and standard deviation of the same between sets
        of samples of the prior, what chance alone makes; and `log_determinant`, the
        log-determinant of q(z)'s covariance less that of the prior's samples: 0 where they agree,
        negative where q(z) is too narrow; left out where there are not more samples than
        dimensions.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    num_samples = min(num_samples, data.num_examples[split])
    posterior = posterior_samples(model, data, split, num_samples, seed)
    # Each from noise of its own: with that of the posterior, prior samples would be too like.
    prior, other_prior = (prior_samples(model, num_samples, seed + i) for i in (1, 2))
    distance = zoo.divergences.MMD()
    null = _null(distance, np.concatenate([prior, other_prior]), seed)
    found = {
        "mmd": float(distance(posterior, prior)),
        "mmd_null": float(np.mean(null)),
        "mmd_null_deviation": float(np.std(null)),
        "dimensions": posterior.shape[1],
        "samples": num_samples,
    }
    if num_samples > posterior.shape[1]:  # Otherwise the covariances are singular.
        determinants = [log_determinant_of_covariance(z) for z in (posterior, prior)]
        found["log_determinant"] = determinants[0] - determinants[1]
    return found


def _null(distance, samples, seed):
    """Distances between the halves of samples of one distribution, divided at random anew."""
    generator = np.random.default_rng(seed)
    halves = (np.split(generator.permutation(samples), 2) for _ in range(_NUM_NULL))
    return [float(distance(*pair)) for pair in halves]


def log_determinant_of_covariance(latents):
    """Log-determinant of the covariance of samples `[N, d]`, -inf where it is singular."""
    covariance = np.cov(np.asarray(latents, np.float64), rowvar=False)
    return float(np.linalg.slogdet(np.atleast_2d(covariance))[1])
