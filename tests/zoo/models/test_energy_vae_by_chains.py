"""`zoo.EnergyVAE(inference="short_run")`, whose latents, decoder and energies are linear here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.zoo.chains import normals
from tests.zoo.models.test_energy_vae import BETA, CURVATURES, SLOPES, Conditional, Quadratic, joint
from zoo.distributions import Gaussian

pytestmark = pytest.mark.usefixtures("uncompiled")
SHAPE = (2, 2, 1)
NUM, NUM_STEPS, STEP_SIZE, SCALE = 4000, 5, 0.3, 0.7
WEIGHTS, OFFSET = np.array([0.5, -0.3, 0.2, 0.4]), np.array([0.1, 0.3, 0.2, 0.0])
X = np.array([0.1, 0.9, 0.4, 0.7])
IMAGES = np.repeat(np.float32(X).reshape(1, *SHAPE), NUM, axis=0)


def linear_model():
    model = zoo.EnergyVAE(
        SHAPE,
        (1, 1),
        filters=(1,),
        hidden_units=3,
        likelihood=Gaussian(scale=SCALE, mean="linear"),
        prior=zoo.EnergyPrior(hidden_units=(2,)),
        inference="short_run",
        num_steps=NUM_STEPS,
        step_size=STEP_SIZE,
    )
    dense = keras.layers.Dense(4)
    model.decoder = keras.Sequential([keras.Input((1,)), dense, keras.layers.Reshape(SHAPE)])
    dense.set_weights([WEIGHTS[None], OFFSET])
    object.__setattr__(model, "top_down", [Conditional(BETA)])
    networks = [Quadratic(*pair) for pair in zip(CURVATURES, SLOPES, strict=True)]
    object.__setattr__(model.energy, "_networks", networks)
    model.energy.log_z.assign(joint(BETA)[2])
    return model


def posterior():
    """Mean and precision of p(z_1, z_2 | x), and log p(x)."""
    mean, precision, _ = joint(BETA)
    decoder = np.stack([WEIGHTS, np.zeros(4)], axis=1)
    covariance = decoder @ np.linalg.inv(precision) @ decoder.T + SCALE**2 * np.eye(4)
    off = X - OFFSET - decoder @ mean
    log_marginal = -0.5 * off @ np.linalg.solve(covariance, off)
    log_marginal -= 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    precise = precision + decoder.T @ decoder / SCALE**2
    linear = precision @ mean + decoder.T @ (X - OFFSET) / SCALE**2
    return np.linalg.solve(precise, linear), precise, log_marginal


def test_latents_have_the_law_of_chains_in_noise():
    """z = A ε + a, so that the posterior's precision is Aᵀ P A in ε."""
    (mean, precision, _), (weight, offset, log_scale) = posterior(), BETA
    matrix = np.array([[np.exp(6 * np.tanh(log_scale / 6)), weight], [0.0, 1.0]])
    shift = np.array([offset, 0.0])
    given = np.linalg.solve(matrix, mean - shift), matrix.T @ precision @ matrix
    start = np.zeros(2), np.eye(2)
    law = normals.law_of_chain(*given, NUM_STEPS, STEP_SIZE, start)
    latents = np.float64(np.concatenate(linear_model().encode(IMAGES, seed=0), axis=1))
    covariance = matrix @ law[1] @ matrix.T
    error = np.sqrt(np.diag(covariance) / NUM)
    assert (np.abs(latents.mean(axis=0) - (matrix @ law[0] + shift)) < 5 * error).all()
    np.testing.assert_allclose(np.cov(latents.T), covariance, atol=0.08)


def test_weights_average_to_the_marginal_likelihood():
    """Only if log q(z|x) has the volume that noise takes up as latents."""
    record = linear_model().infer(IMAGES, seed=1)
    log_weights = np.float64(record.log_prior - record.distortion - record.log_posterior)
    weights = np.exp(log_weights - posterior()[2])
    error = weights.std() / np.sqrt(NUM)
    assert error < 0.06, "too few paths to tell"
    assert abs(weights.mean() - 1.0) < 4 * error
    assert_close(record.rate, record.log_posterior - record.log_prior)


def test_the_prior_network_learns_log_p_at_the_latents_where_they_are():
    """E ∂ log p_β(z), z held: the posterior's half of the contrast, against finite differences."""
    model = linear_model()
    parameters = model.top_down[0].parameters
    with tf.GradientTape() as tape:
        record = model.infer(IMAGES[:50], seed=2)
        rate = tf.reduce_mean(record.rate)
    below, above = (np.float64(group)[:, 0] for group in record.latents)

    def log_base(beta):
        scale = np.exp(6 * np.tanh(beta[2] / 6))
        return np.mean(-0.5 * ((below - beta[0] * above - beta[1]) / scale) ** 2 - np.log(scale))

    steps = 1e-5 * np.eye(3)
    exact = [(log_base(BETA + step) - log_base(BETA - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(tape.gradient(rate, parameters), -np.array(exact), rtol=1e-3)


def test_it_has_no_encoder_and_takes_masks_and_more_steps(images):
    model = contract.make_model("EnergyVAE_short_run")
    names = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert not any("posterior" in name for name in names)
    mask = np.arange(images.shape[1])[:, None] < 4 * np.ones(images.shape[2])
    hidden = np.where(mask[..., None], images, 1.0 - images)
    assert_close(*(model.reconstruct(x, mask=mask, seed=0) for x in (images, hidden)), 0.0)
    longer = model.encode(images, seed=0, num_steps=5)
    assert np.any(longer[0] != model.encode(images, seed=0)[0])


def test_with_an_encoder_it_says_who_takes_steps_and_masks(images):
    model = contract.make_model("EnergyVAE")
    for given in ({"num_steps": 3}, {"mask": np.ones(images.shape[1:3])}):
        with pytest.raises(ValueError, match="infers by its encoder, which takes no num_steps and"):
            model.encode(images, **given)
