"""The step size that each rule comes to, scored by the true KL of the chain's law.

The decoder is linear, so that the law of z_K and the posterior N(μ, Λ⁻¹) are normal: Λ has the
eigenvalues 1.3, 8.3 and 25.8, and the KL is a mean over the model's own data, for which μ has the
covariance I - Λ⁻¹.
"""

import keras
import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

import zoo
from tests import contract
from tests.zoo.chains.normals import law_of_chain
from zoo.distributions import Gaussian
from zoo.models import chain_step_size

PRECISIONS = np.array([1.3, 8.3, 25.8])
SHAPE, SCALE, NUM = (2, 2, 1), 0.02, 300
RANGE = 0.02, 0.38  # Of stable steps.


def true_kl(step_size, num_steps):
    """E KL(law of z_K ‖ posterior) in nats: ½ [tr ΛC + E(m - μ)ᵀΛ(m - μ) - d - log|ΛC|]."""
    _, covariance = law_of_chain(
        np.zeros(3), np.diag(PRECISIONS), num_steps, step_size, (np.zeros(3), np.eye(3))
    )
    ratios = PRECISIONS * np.diag(covariance)
    missed = (1 - 0.5 * step_size**2 * PRECISIONS) ** (2 * num_steps)
    return 0.5 * np.sum(ratios - 1 - np.log(ratios) + missed * (PRECISIONS - 1))


def bound(step_size, num_steps):
    """The bound that holds the noises fixed: it has 2K log|A| for log|C|."""
    shrink = 1 - 0.5 * step_size**2 * PRECISIONS
    powers = shrink ** (2 * np.arange(num_steps + 1)[:, None])
    ratios = PRECISIONS * (powers[-1] + step_size**2 * powers[:-1].sum(axis=0))
    determinants = np.log(PRECISIONS) + 2 * num_steps * np.log(np.abs(shrink))
    return 0.5 * np.sum(ratios - 1 - determinants + powers[-1] * (PRECISIONS - 1))


def best(criterion, num_steps):
    """The step size with the least of a criterion, and that least."""
    found = scipy.optimize.minimize_scalar(
        criterion, bounds=RANGE, args=(num_steps,), method="bounded"
    )
    return found.x, found.fun


def make_model(step_size, num_steps):
    """A model whose decoder is linear with these precisions, and data of its own."""
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.normal(size=(4, 3)))
    right, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    weights = SCALE * left @ np.diag(np.sqrt(PRECISIONS - 1)) @ right
    model = zoo.ShortRunModel(
        SHAPE,
        latent_dims=(3,),
        num_steps=num_steps,
        step_size=step_size,
        filters=(1,),
        likelihood=Gaussian(scale=SCALE, mean="linear"),
    )
    dense = keras.layers.Dense(4)
    model.decoder = keras.Sequential([keras.Input((3,)), dense, keras.layers.Reshape(SHAPE)])
    dense.set_weights([weights.T, np.full(4, 0.5)])
    images = 0.5 + rng.normal(size=(NUM, 3)) @ weights.T + SCALE * rng.normal(size=(NUM, 4))
    return model, np.float32(images.reshape(NUM, *SHAPE))


def acceptance(step_size, num_steps):
    """The mean probability that a test would accept the last step, by draws of its law."""
    rng = np.random.default_rng(1)
    num, shrink = 20_000, 1 - 0.5 * step_size**2 * PRECISIONS
    means = np.sqrt(1 - 1 / PRECISIONS) * rng.normal(size=(num, 3))
    start = np.zeros(3), np.eye(3)
    before = num_steps - 1
    _, covariance = law_of_chain(np.zeros(3), np.diag(PRECISIONS), before, step_size, start)
    here = np.sqrt(np.diag(covariance)) * rng.normal(size=(num, 3)) - shrink**before * means
    there = shrink * here + step_size * rng.normal(size=(num, 3))
    forth, back = there - shrink * here, here - shrink * there
    gain = 0.5 * PRECISIONS * (here**2 - there**2) + 0.5 * (forth**2 - back**2) / step_size**2
    return np.exp(np.minimum(gain.sum(axis=1), 0.0)).mean()


def accepted(num_steps):
    """The step size that accepts 85% of the last steps."""
    return scipy.optimize.brentq(lambda s: acceptance(s, num_steps) - 0.85, *RANGE, xtol=1e-3)


# === In closed form ===


@pytest.mark.parametrize(
    ("num_steps", "least", "by_acceptance", "by_bound"),
    [(5, 0.349, 0.379, 1.72), (20, 0.084, 0.121, 1.38), (100, 0.015, 0.093, 1.30)],
)
def test_acceptance_costs_a_tenth_of_a_nat_and_the_bound_more_than_one(
    num_steps, least, by_acceptance, by_bound
):
    """Both rules' costs: the bound is loose, and the more so the better a chain forgets z_0."""
    assert best(true_kl, num_steps)[1] == pytest.approx(least, abs=1e-3)
    assert true_kl(accepted(num_steps), num_steps) == pytest.approx(by_acceptance, abs=5e-3)
    assert true_kl(best(bound, num_steps)[0], num_steps) == pytest.approx(by_bound, abs=0.01)


# === The rules ===


@pytest.mark.parametrize("num_steps", [5, 20])
def test_acceptance_rests_at_its_step_size_and_moves_there_from_both_sides(num_steps):
    model, images = make_model("acceptance", num_steps)
    resting, moves = accepted(num_steps), []
    for factor in (0.7, 1.0, 1.4):
        first = np.log(factor * resting)
        model.log_step_size.assign(first)
        moves.append(float(model._by_acceptance(model.infer(images, seed=1))) - first)
    assert moves[0] > 0.006
    assert abs(moves[1]) < 0.003
    assert moves[2] < -0.015


@pytest.mark.parametrize(("num_steps", "first"), [(5, 0.4), (20, 0.03)])
def test_the_criterion_comes_to_the_least_of_its_bound(num_steps, first, monkeypatch):
    monkeypatch.setattr(chain_step_size, "_NUM_COMPARED", NUM)
    model, images = make_model("variational", num_steps)
    model.compile("sgd", zoo.ELBO())
    model.log_step_size.assign(np.log(first))
    record = model.infer(images, seed=1)
    choose = tf.function(lambda: model._by_criterion(record), autograph=False)
    for index in range(6):
        model.optimizer.iterations.assign(50 * index + 1)
        model.log_step_size.assign(choose())
    size, least = best(bound, num_steps)
    assert model.current_step_size == pytest.approx(size, rel=0.2)
    assert bound(model.current_step_size, num_steps) < least + 0.15


def test_a_number_stays_where_it_is(images):
    model = contract.make_compiled("ShortRunModel_energy", "ELBO", run_eagerly=True)
    model.train_on_batch(images)
    assert model.current_step_size == pytest.approx(model.step_size, rel=1e-6)
