import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.chains import normals
from zoo import random
from zoo.chains import annealed_path, langevin

NUM, NUM_STEPS = 4000, 20
MODEL = normals.LinearModel()
X = np.random.default_rng(1).standard_normal(5)


def log_weights(step_size, num_steps=NUM_STEPS):
    """log w of annealed and of flat paths to one x, float64 `[NUM]` each."""
    noise = random.BatchNoise(random.as_seed(3), NUM)
    start, log_joint = (noise.normal([3], stream=0),), MODEL.log_joint(X)

    def log_likelihood(latents):
        return log_joint(latents) - normals.log_standard_normal(latents[0])

    ends, log_ratio = annealed_path(log_likelihood, start, noise.fold(1), num_steps, step_size)
    flat = langevin(log_joint, start, noise.fold(2), num_steps, step_size)
    of_flat = log_joint(flat.latents) - normals.log_standard_normal(start[0]) + flat.log_path
    return np.float64(log_likelihood(ends) + log_ratio), np.float64(of_flat)


@pytest.mark.parametrize(("step_size", "num_steps"), [(0.3, 10), (0.2, 60), (0.15, 5)])
def test_weights_average_to_the_marginal_likelihood(step_size, num_steps):
    annealed, _ = log_weights(step_size, num_steps)
    weights = np.exp(annealed - MODEL.log_marginal(X))
    error = weights.std() / np.sqrt(NUM)
    assert error < 0.06, "too few paths to tell"
    assert abs(weights.mean() - 1.0) < 4 * error


@pytest.mark.parametrize("step_size", [0.15, 0.3])
def test_paths_that_anneal_bound_the_marginal_closer(step_size):
    """One path and the best of 16: gaps to log p(x) well below flat ones'."""
    gaps = [MODEL.log_marginal(X) - own for own in log_weights(step_size)]
    one = [gap.mean() for gap in gaps]
    assert 0 < one[0] < 0.6 * one[1]
    of_16 = [-np.log(np.exp(-gap).reshape(-1, 16).mean(axis=1)).mean() for gap in gaps]
    assert 0 < of_16[0] < 0.6 * of_16[1]


def test_a_path_to_the_standard_normal_weighs_one_where_no_step_is_cut():
    """g = 0: the last density is the first, and the weight is that of a reversible walk's error."""
    noise = random.BatchNoise(random.as_seed(3), 100)
    start = (noise.normal([3], stream=0),)
    *_, log_ratio = annealed_path(lambda z: tf.zeros([100]), start, noise.fold(1), 5, 0.05)
    np.testing.assert_allclose(log_ratio, 0.0, atol=1e-3)
