import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.chains import normals
from zoo import random
from zoo.sampling import langevin

NUM = 20_000


def noise_of(num, seed=0):
    return random.BatchNoise(random.as_seed(seed), num)


def standard_start(noise, dimension):
    return (noise.normal([dimension], stream=9),)


def assert_moments(samples, mean, covariance):
    """Within five standard errors of both, which are small."""
    samples = np.asarray(samples, np.float64)
    variances = np.diag(covariance)
    error = np.sqrt(variances / len(samples))
    assert (np.abs(samples.mean(0) - mean) < 5 * error).all()
    error = np.sqrt((np.outer(variances, variances) + covariance**2) / len(samples))
    assert (np.abs(np.cov(samples.T, bias=True) - covariance) < 5 * error).all()


# === The law of a chain ===


@pytest.mark.parametrize(("num_steps", "temperature"), [(1, 1.0), (7, 1.0), (7, 0.3), (20, 1.0)])
def test_law_on_a_normal_target_is_the_closed_form(num_steps, temperature):
    mean, precision = np.array([1.0, -2.0]), normals.random_precision(2)
    noise = noise_of(NUM, seed=num_steps)
    chain = langevin(
        normals.log_density(mean, precision),
        standard_start(noise, 2),
        noise,
        num_steps,
        step_size=0.4,
        temperature=temperature,
    )
    start = np.zeros(2), np.eye(2)
    expected = normals.law_of_chain(mean, precision, num_steps, 0.4, start, temperature)
    assert_moments(chain.latents[0], *expected)


def test_closed_form_tends_to_the_chains_own_limit_and_not_to_the_target():
    """The oracle: 60 steps of 0.4 on N(0, I) have variance 1/0.96."""
    start = np.zeros(1), np.eye(1)
    _, variance = normals.law_of_chain(np.zeros(1), np.eye(1), 600, 0.4, start)
    assert variance[0, 0] == pytest.approx(1 / 0.96, rel=1e-12)
    precision = normals.random_precision(3)
    _, covariance = normals.law_of_chain(np.zeros(3), precision, 2000, 0.4, (np.ones(3), np.eye(3)))
    np.testing.assert_allclose(covariance, normals.limit_of_chain(precision, 0.4), rtol=1e-10)


def test_without_noise_it_descends_to_the_mode():
    mean = np.array([0.5, 1.5, -1.0])
    target = normals.log_density(mean, normals.random_precision(3))
    chain = langevin(target, (tf.zeros([2, 3]),), random.MeanNoise(2), 40, step_size=1.0)
    np.testing.assert_allclose(chain.latents[0], np.stack([mean, mean]), atol=1e-4)


def test_several_groups_walk_as_one_vector():
    """Split in two groups of other shapes, the law is the same."""
    precision = np.float32(normals.random_precision(3))

    def target(latents):
        flat = tf.concat([latents[0], tf.reshape(latents[1], [-1, 2])], axis=1)
        return -0.5 * tf.reduce_sum(tf.matmul(flat, precision) * flat, axis=1)

    noise = noise_of(NUM)
    start = noise.normal([1], stream=8), noise.normal([1, 2], stream=9)
    chain = langevin(target, start, noise, 5, step_size=0.5)
    flat = np.concatenate([np.reshape(group, [NUM, -1]) for group in chain.latents], axis=1)
    start = np.zeros(3), np.eye(3)
    assert_moments(flat, *normals.law_of_chain(np.zeros(3), precision, 5, 0.5, start))


def test_row_depends_on_its_row_seed_alone():
    target = normals.log_density(np.ones(2), normals.random_precision(2))

    def run(first, num):
        noise = random.RowNoise(random.row_seeds((4, first), num))
        return langevin(target, standard_start(noise, 2), noise, 4, step_size=0.5)

    together, alone = run(0, 5), run(3, 1)
    for whole, row in zip(tf.nest.flatten(together), tf.nest.flatten(alone), strict=True):
        np.testing.assert_allclose(row[0], whole[3], rtol=1e-5)


def test_no_gradient_goes_through_a_chain():
    place = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:

        def target(latents):
            return -tf.reduce_sum((latents[0] - place) ** 2, axis=1)

        chain = langevin(target, (tf.zeros([3, 2]),), noise_of(3), 2, step_size=0.5)
        total = tf.add_n([tf.reduce_sum(part) for part in tf.nest.flatten(chain)])
    assert tape.gradient(total, place) is None


# === What the walk says of its target ===


@pytest.mark.parametrize(("num_steps", "step_size"), [(1, 0.5), (6, 0.3), (6, 0.6)])
def test_mean_weight_of_paths_is_the_marginal_likelihood(num_steps, step_size):
    """For every number and size of steps, and also where drifts are cut short."""
    model = normals.LinearModel(dimension=2, num_pixels=3, scale=0.9)
    x = model.offset + 0.3
    noise = noise_of(NUM, seed=1)
    start = standard_start(noise, 2)
    chain = langevin(model.log_joint(x), start, noise, num_steps, step_size)
    log_weights = model.log_joint(x)(chain.latents) + chain.log_path
    log_weights = np.float64(log_weights - normals.log_standard_normal(start[0]))
    weights = np.exp(log_weights - model.log_marginal(x))
    error = weights.std() / np.sqrt(NUM)
    assert error < 0.05, "too few paths to tell"
    assert abs(weights.mean() - 1.0) < 4 * error


def test_log_path_is_that_of_densities_written_out():
    target = normals.log_density(np.ones(2), normals.random_precision(2))
    noise, s = random.RowNoise(random.row_seeds(3, 4)), 0.4
    start = standard_start(noise, 2)
    z, expected = np.float64(start[0]), 0.0
    normal = np.float64(random.RowNoise(random.row_seeds(3, 4)).normal([3, 2]))

    def leads_to(z):
        return z - 0.5 * s**2 * (z - 1.0) @ normals.random_precision(2)

    def log_normal(z, mean):
        return -0.5 * np.sum((z - mean) ** 2, axis=1) / s**2

    for k in range(3):
        there = leads_to(z) + s * normal[:, k]
        expected = expected + log_normal(z, leads_to(there)) - log_normal(there, leads_to(z))
        before, z = z, there
    chain = langevin(target, start, noise, 3, s)
    np.testing.assert_allclose(chain.latents[0], z, rtol=1e-5)
    np.testing.assert_allclose(chain.log_path, expected, rtol=1e-4, atol=1e-5)
    log_pi = [np.float64(target((np.float32(point),))) for point in (before, z)]
    ratio = log_normal(before, leads_to(z)) - log_normal(z, leads_to(before))
    expected = np.exp(np.minimum(log_pi[1] - log_pi[0] + ratio, 0.0))
    np.testing.assert_allclose(chain.acceptance, expected, rtol=1e-4)


@pytest.mark.parametrize("curvature", [0.3, 4.0, 50.0])
def test_stable_step_is_the_bound_of_a_normal_target(curvature):
    target = normals.log_density(np.zeros(2), curvature * np.eye(2))
    chain = langevin(target, (tf.ones([3, 2]),), noise_of(3), 3, step_size=0.2)
    np.testing.assert_allclose(chain.stable_step, 2 / np.sqrt(curvature), rtol=1e-4)


def test_a_drift_far_out_is_cut_to_the_root_of_the_dimensions():
    target = normals.log_density(np.zeros(4), 1e4 * np.eye(4))
    start = tf.constant([[3.0, 0.0, 0.0, 4.0]])
    chain = langevin(target, (start,), random.MeanNoise(1), 1, step_size=0.1)
    np.testing.assert_allclose(chain.latents[0], 0.6 * start, rtol=1e-5)


@pytest.mark.parametrize(
    ("steps", "size", "message"),
    [
        (0, 0.1, "num_steps must be an int of at least 1. Received: num_steps=0"),
        (5, 0.0, "step_size must be a finite number above 0. Received: step_size=0.0"),
        (5, -0.1, "step_size must be a finite number above 0"),
        (5, float("nan"), "step_size must be a finite number above 0"),
    ],
)
def test_a_chain_that_goes_nowhere_is_refused(steps, size, message):
    with pytest.raises(ValueError, match=message):
        langevin(lambda z: -z[0][:, 0], (tf.zeros([1, 1]),), noise_of(1), steps, size)
