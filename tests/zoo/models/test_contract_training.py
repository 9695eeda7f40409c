"""The contract of every architecture: one step is the same however and wherever it runs."""

import functools

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from tests.contract import assert_same_state, full, state_of


def trained(names, images, **kwargs):
    """Returns the model after three steps of an optimiser without division, and the last loss."""
    model = contract.make_compiled(*names, contract.linear_optimizer(), **kwargs)
    return model, contract.train(model, images, num_steps=3, batch_size=8)


def step_tolerance(names):
    return contract.STEP_TOLERANCES.get(names[0], 1e-5)


@pytest.fixture(scope="module")
def reference(images):
    """Makes, once a pair, what three eager steps lead to: the model and the last loss."""
    return functools.cache(lambda *names: trained(names, images, run_eagerly=True))


@full("ConvDRAW")
def test_training_is_the_same_eager_in_a_graph_and_under_xla(names, images, reference):
    model, loss = reference(*names)
    for how in ({}, {"jit_compile": True}):
        other, other_loss = trained(names, images, **how)
        assert other_loss == pytest.approx(loss, rel=1e-5)
        assert_same_state(state_of(other), state_of(model), step_tolerance(names))


@full("PixelVAE")
def test_two_replicas_train_and_evaluate_as_one_does(names, images, two_replicas, reference):
    model, loss = reference(*names)
    with two_replicas.scope():
        replicated, replicated_loss = trained(names, images)
    assert replicated_loss == pytest.approx(loss, rel=1e-5)
    assert_same_state(state_of(replicated), state_of(model), step_tolerance(names))
    for variable in [*replicated.weights, *replicated.objective.weights]:
        first, second = two_replicas.experimental_local_results(variable.value)
        np.testing.assert_array_equal(first, second, err_msg=variable.path)
    logs = [m.evaluate(images, batch_size=4, verbose=0) for m in (replicated, model)]
    # A violation is rmse² less κ², as exact as these.
    assert logs[0] == pytest.approx(logs[1], rel=1e-5, abs=2e-5)


def test_uint8_images_train_as_their_floats_do(images):
    levels = np.round(255 * images).astype(np.uint8)
    (of_levels, loss), (of_floats, other_loss) = (
        trained((contract.SMALLEST, "GECO"), batch, run_eagerly=True)
        for batch in (levels, levels / np.float32(255))
    )
    assert loss == pytest.approx(other_loss, rel=1e-5)
    assert_same_state(state_of(of_levels), state_of(of_floats), tolerance=1e-5)


@full("ConvVAE")
def test_evaluation_repeats_itself(names, images):
    model = contract.make_compiled(*names, run_eagerly=True)
    first = model.evaluate(images, batch_size=3, verbose=0, return_dict=True)
    assert model.evaluate(images, batch_size=3, verbose=0, return_dict=True) == first
    # In `fit`, the validation of each epoch meets the same noise too.
    fitted = model.fit(
        images,
        batch_size=8,
        epochs=1,
        verbose=0,
        validation_data=(images,),
        validation_batch_size=3,
    )
    after = model.evaluate(images, batch_size=3, verbose=0, return_dict=True)
    assert {name: fitted.history[f"val_{name}"][-1] for name in after} == pytest.approx(after)


@full("ConvVAE")
def test_evaluation_hardly_depends_on_the_batch_size(names):
    model = contract.make_compiled(*names, run_eagerly=True)
    images = np.random.default_rng(3).uniform(size=(500, *contract.IMAGE_SHAPE))
    # The last batch of 20 must count by its size: its images are much darker.
    images[480:] *= 0.1
    images = images.astype(np.float32)
    whole = model.evaluate(images, batch_size=500, verbose=0, return_dict=True)
    parts = model.evaluate(images, batch_size=160, verbose=0, return_dict=True)
    for logs in (whole, parts):
        logs.pop("divergence", None)  # of q(z), which a batch is a sample of
        logs.pop("prior_gap", None)  # a difference about 0
        logs.pop("error_violation", None)  # rmse² less κ², of which the former is compared
    if names[0] in contract.NOISY_MODELS:
        parts, whole = (
            {n: logs[n] for n in ("distortion", "rmse") if n in logs} for logs in (parts, whole)
        )
    assert parts == pytest.approx(whole, rel=0.03)


def test_logs_are_named_as_documented(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    history = model.fit(images, batch_size=4, verbose=0, validation_data=(images,)).history
    names = {"loss", "rate", "distortion", "rmse", "error_violation", "error_multiplier"}
    assert set(history) == names | {f"val_{name}" for name in names}


def test_rmse_is_the_root_of_the_mean_squared_error_of_draws(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    logs = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    draws = [model.infer(images, seed=s).squared_error for s in range(60)]
    assert logs["rmse"] == pytest.approx(np.sqrt(np.mean(draws)), rel=0.1)
    assert logs["error_violation"] == pytest.approx(logs["rmse"] ** 2 - 0.6**2, rel=1e-4)


def losses_of_two_steps(images, seed):
    """Losses of the same model on the same batch: only the noise can differ between the steps."""
    model = contract.make_model(contract.SMALLEST)
    model.compile(
        keras.optimizers.SGD(0.0), objective=zoo.ELBO(beta=0.5), seed=seed, run_eagerly=True
    )
    model.likelihood.decay = 1.0  # the running scale stands still too
    model.likelihood.is_observed.assign(1.0)
    return [contract.train(model, images, num_steps=1, batch_size=8) for _ in range(2)]


def test_noise_of_training_depends_on_the_compiled_seed_and_the_step(images):
    first, second = losses_of_two_steps(images, seed=1)
    assert first != second
    assert losses_of_two_steps(images, seed=1) == [first, second]
    assert losses_of_two_steps(images, seed=2)[0] != first
