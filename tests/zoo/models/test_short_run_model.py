import logging

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from tests.zoo.chains import normals
from zoo.distributions import Gaussian
from zoo.models.seen_pixels import SeenPixels

pytestmark = pytest.mark.usefixtures("uncompiled")
SHAPE = (2, 2, 1)
NUM = 4000


def linear_model(num_steps, step_size=0.25, scale=0.5, latent_dim=2):
    """A model whose decoder is x = W z + c, and the same in closed form."""
    model = zoo.ShortRunModel(
        SHAPE,
        latent_dims=(latent_dim,),
        num_steps=num_steps,
        step_size=step_size,
        filters=(1,),
        likelihood=Gaussian(scale=scale, mean="linear"),
    )
    exact = normals.LinearModel(latent_dim, num_pixels=4, scale=scale)
    exact.weights *= 0.4
    exact.precision = np.eye(latent_dim) + exact.weights.T @ exact.weights / scale**2
    dense = keras.layers.Dense(4)
    model.decoder = keras.Sequential(
        [keras.Input((latent_dim,)), dense, keras.layers.Reshape(SHAPE)]
    )
    dense.set_weights([exact.weights.T, exact.offset])
    return model, exact


X = np.array([0.1, 0.9, 0.4, 0.7])
IMAGES = np.repeat(np.float32(X).reshape(1, *SHAPE), NUM, axis=0)


# === Against closed forms ===


def test_latents_have_the_law_of_the_chain():
    model, exact = linear_model(num_steps=4)
    (latents,) = model.encode(IMAGES, seed=0)
    start = np.zeros(2), np.eye(2)
    mean, cov = normals.law_of_chain(exact.posterior_mean(X), exact.precision, 4, 0.25, start)
    latents = np.float64(latents)
    assert np.abs(latents.mean(0) - mean).max() < 5 * np.sqrt(cov.max() / NUM)
    np.testing.assert_allclose(np.cov(latents.T), cov, atol=0.08)


def test_weights_average_to_the_marginal_likelihood():
    model, exact = linear_model(num_steps=4, step_size=0.4)
    record = model.infer(IMAGES, seed=1)
    log_weights = np.float64(-record.distortion + record.log_prior - record.log_posterior)
    weights = np.exp(log_weights - exact.log_marginal(X))
    error = weights.std() / np.sqrt(NUM)
    assert error < 0.06, "too few paths to tell"
    assert abs(weights.mean() - 1.0) < 4 * error
    assert_close(record.rate, record.log_posterior - record.log_prior)


def test_a_descent_of_many_steps_ends_at_the_posterior_mode_and_more_come_nearer():
    model, exact = linear_model(num_steps=2, step_size=0.6)
    ends = [model.encode(IMAGES[:1], num_steps=steps)[0][0] for steps in (None, 2, 8, 60)]
    assert_close(ends[0], ends[1], 0.0)
    distances = [np.linalg.norm(end - exact.posterior_mean(X)) for end in ends[1:]]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-4


def test_a_longer_chain_goes_on_from_a_shorter_one(images):
    model = contract.make_model("ShortRunModel")
    short, long = (model.encode(images[:2], seed=3, num_steps=steps) for steps in (2, 3))
    assert_close(short, model.encode(images[:2], seed=3), 0.0)
    moves = [np.abs(a - b).max() for a, b in zip(short, long, strict=True)]
    # By one step, not by another walk.
    assert 0 < max(moves) < 6 * model.current_step_size


# === Learning ===


def test_the_decoder_learns_as_at_fixed_latents_and_the_rate_moves_nothing(images):
    model = contract.make_model("ShortRunModel")
    weights = model.trainable_weights
    with tf.GradientTape(persistent=True) as tape:
        record = model.infer(images, seed=2, training=True)
        distortion = record.distortion
        again = -model.decode(record.latents).log_prob(images)
    assert all(gradient is None for gradient in tape.gradient(record.rate, weights))
    assert_close(tape.gradient(distortion, weights), tape.gradient(again, weights))


def tiny(likelihood, step_size=0.1):
    """A model of one layer of three latents."""
    sizes = {"num_steps": 2, "filters": (4,), "hidden_units": 6, "step_size": step_size}
    return zoo.ShortRunModel(contract.IMAGE_SHAPE, (3,), likelihood=likelihood, **sizes)


@pytest.mark.parametrize(("first", "grows"), [(0.01, True), (1.5, False)])
def test_step_size_follows_the_acceptance_and_is_saved(images, tmp_path, first, grows):
    keras.utils.set_random_seed(1)
    model = tiny(Gaussian(scale=0.3), "acceptance")
    assert model.current_step_size == pytest.approx(0.1)
    model.log_step_size.assign(np.log(first))
    model.compile(keras.optimizers.Adam(1e-3), zoo.ELBO(), run_eagerly=True)
    history = model.fit(images, batch_size=4, verbose=0).history
    assert (model.current_step_size > first) == grows
    assert (history["acceptance"][0] > 0.85) == grows
    if grows:
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert loaded.current_step_size == model.current_step_size
        assert_close(loaded.encode(images, seed=1), model.encode(images, seed=1))


def test_the_criterion_chooses_another_step_size_now_and_then(images):
    model = tiny(Gaussian(scale=0.3), "variational")
    model.log_step_size.assign(np.log(1.5))
    model.compile(keras.optimizers.Adam(1e-3), zoo.ELBO(), run_eagerly=True)
    model.fit(images, batch_size=4, verbose=0)  # Two steps, of which the first chooses.
    factor = model.current_step_size / 1.5
    assert min(abs(factor - other) for other in (0.7, 0.84, 1.19, 1.4)) < 1e-5


def test_a_chain_that_diverges_is_named_with_the_step_that_would_be_stable(images, caplog):
    model = zoo.ShortRunModel(
        contract.IMAGE_SHAPE,
        (3,),
        num_steps=2,
        step_size=1.9,
        filters=(4,),
        hidden_units=6,
        likelihood=Gaussian(scale=0.01),
    )
    for weight in model.trainable_weights:
        weight.assign(3.0 * weight)
    model.compile("adam", zoo.ELBO(), run_eagerly=True)
    with caplog.at_level(logging.WARNING):
        history = model.fit(images, batch_size=8, verbose=0).history
    (text,) = [r.getMessage() for r in caplog.records if "diverge" in r.getMessage()]
    stable = f"{0.9 * history['stable_step'][0]:.2g}"
    assert (
        f"a step of 1.9 is too large to be stable. Make the model with step_size={stable}" in text
    )


def test_an_energy_tilts_the_prior_of_all_layers(images):
    model = contract.make_model("ShortRunModel_energy")
    record = model.infer(images, seed=1)
    share = model.energy.log_ratio(record.latents)
    normal = sum(normals.log_standard_normal(group) for group in record.latents)
    assert_close(record.log_prior, normal + share)
    assert [group.shape for group in model.sample_prior(2, seed=0)] == [(2, 3), (2, 2)]
    second = zoo.with_energy_prior(
        contract.make_model("ShortRunModel"), model.energy.examples(None)[""]()
    )
    assert second.infer(images, seed=1).rate.shape == (8,)


# === Masks ===


def half(images):
    mask = np.zeros(contract.IMAGE_SHAPE[:2], np.float32)
    mask[:, :4] = 1.0
    return mask, np.where(mask[..., None] == 1.0, images, 1.0 - images)


def test_hidden_pixels_have_no_influence(images):
    model = contract.make_model("ShortRunModel")
    mask, others = half(images)
    each = np.repeat(mask[None], len(images), axis=0)
    seen = {seed: model.reconstruct(images, seed=seed, mask=mask) for seed in (None, 4)}
    assert np.abs(seen[4] - model.reconstruct(images, seed=5, mask=each)).max() > 1e-3
    for seed, expected in seen.items():
        assert_close(model.reconstruct(others, seed=seed, mask=each), expected, 0.0)
    whole = model.reconstruct(images)
    assert np.abs(whole - seen[None]).max() > 1e-4
    assert_close(model.reconstruct(images, mask=np.ones_like(mask)), whole)


def test_a_masked_descent_ends_where_the_posterior_of_the_seen_pixels_has_its_mode():
    model, exact = linear_model(num_steps=60, step_size=0.6)
    weights, offset = exact.weights[:2], exact.offset[:2]
    precision = np.eye(2) + weights.T @ weights / 0.25
    mode = np.linalg.solve(precision, weights.T @ (X[:2] - offset) / 0.25)
    (latents,) = model.encode(IMAGES[:1], mask=np.array([[1, 1], [0, 0]]))
    np.testing.assert_allclose(latents[0], mode, atol=1e-4)


def test_the_density_of_seen_pixels_is_that_of_an_image_that_has_no_others():
    model, exact = linear_model(num_steps=2)
    latents = np.float32([[0.3, -1.0]])
    images, mask = IMAGES[:1], np.float32([[[1, 0], [0, 1]]])
    parameters = model.decoder(latents)
    seen = SeenPixels(model.likelihood, parameters, tf.constant(mask))
    normal = scipy.stats.norm(exact.weights @ latents[0] + exact.offset, 0.5)
    each = normal.logpdf(X).reshape(1, 2, 2)
    assert_close(seen.log_prob(images), (each * mask).sum((1, 2)), 1e-5)
    assert_close(seen.mean(), parameters)
    record = model.infer(images, seed=0, mask=mask)
    squares = (images - np.asarray(record.reconstruction)) ** 2
    assert_close(record.squared_error, squares[:, [0, 1], [0, 1], 0].mean(1))


@pytest.mark.parametrize("scale", ["running", "learned"])
def test_a_step_on_masked_images_is_blind_to_what_they_hide(images, scale):
    mask, others = half(images)
    mask = np.repeat(mask[None], len(images), axis=0)
    logs = []
    for given in (images, others):
        keras.utils.set_random_seed(2)
        model = tiny(Gaussian(scale=scale))
        model.compile("sgd", zoo.ELBO(), run_eagerly=True)
        logs.append(model.train_on_batch({"image": given, "mask": mask}, return_dict=True))
        logs[-1]["scale"] = float(model.likelihood.scale)
    assert logs[0] == logs[1]
    record = model.infer(images, seed=0, mask=mask)
    model.reset_metrics()
    evaluated = model.evaluate(
        {"image": images, "mask": mask}, batch_size=3, verbose=0, return_dict=True
    )
    assert evaluated["rmse"] == pytest.approx(np.sqrt(record.squared_error.numpy().mean()), rel=0.2)
    predicted = model.predict({"image": others, "mask": mask}, batch_size=3, verbose=0)
    assert_close(predicted, model.reconstruct(images, mask=mask))


def test_whole_images_may_come_with_a_mask_that_hides_nothing(images):
    model = contract.make_model("ShortRunModel")
    whole, seen = model.infer(images, seed=3), model.infer(images, seed=3, mask=np.ones((4, 8)))
    for name in ("rate", "distortion", "squared_error"):
        assert_close(getattr(seen, name), getattr(whole, name))


# === Errors ===


def test_models_and_walks_that_cannot_be_are_refused(images):
    for arguments, message in (
        ({"latent_dims": ()}, "latent_dims must be one or more ints"),
        ({"num_steps": 0}, "num_steps must be an int of at least 1"),
        ({"step_size": 0.0}, "step_size must be a number above 0, 'acceptance' or 'variational'"),
        ({"step_size": -1.0}, "step_size must be a number above 0, 'acceptance' or 'variational'"),
        (
            {"step_size": np.array([0.1, 0.2])},
            "step_size must be a number above 0, 'acceptance' or 'variational'",
        ),
        (
            {"step_size": "best"},
            "step_size must be a number above 0, 'acceptance' or 'variational'",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.ShortRunModel(contract.IMAGE_SHAPE, **arguments)
    model = contract.MODELS["ShortRunModel"]()
    for arguments, message in (
        ({"num_steps": 0}, "num_steps must be an int of at least 1"),
        ({"mask": np.ones((3, 8))}, r"mask must be \[height, width\], \[4, 8\] here.*\(3, 8\)"),
        ({"mask": np.ones((5, 4, 8))}, r"or one an image.*\(5, 4, 8\)"),
        ({"mask": np.zeros((4, 8))}, "mask hides every pixel of every image"),
        ({"mask": np.full((4, 8), np.nan)}, "mask must be 1 where seen.*Received: NaN"),
        ({"mask": "seen"}, "mask must be of numbers, 1 where seen. Received: string"),
    ):
        with pytest.raises(ValueError, match=message):
            model.reconstruct(images, **arguments)
    with pytest.raises(ValueError, match="law has no density that is known at given latents"):
        model.log_posterior(model.encode(images), images)
    model.compile("adam", zoo.ELBO(), run_eagerly=True)
    batch = {"image": images, "mask": np.ones((len(images), 4, 8))}
    batch["mask"][1] = 0
    with pytest.raises(ValueError, match="mask hides every pixel of image 1: mark those"):
        model.train_on_batch(batch)
    encoding = contract.make_compiled("ConvVAE", "ELBO")
    with pytest.raises(ValueError, match="A ConvVAE needs whole images: leave `mask` out"):
        encoding.fit(batch, verbose=0)


@pytest.mark.parametrize("name", ["GECO", "InfoVAE_MMD"])
def test_objectives_that_move_a_posterior_are_refused_by_name(name):
    kind = name.partition("_")[0]
    message = rf"{kind} learns by moving q\(z\|x\), and that of a ShortRunModel has no weights"
    with pytest.raises(ValueError, match=message):
        contract.make_compiled("ShortRunModel", name)
