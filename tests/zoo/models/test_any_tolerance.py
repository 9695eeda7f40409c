"""Models that take the tolerance as an input: every method, its rows, training and calibration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close, assert_same_state, batch_of, context_of, state_of
from tests.tiers import cover
from zoo import random
from zoo.constraints import ReconstructionError
from zoo.models.tolerance_input import Calibration
from zoo.tolerance_range import ToleranceRange

ENDS, MIDDLE = (0.3, 0.6), np.sqrt(0.3 * 0.6)  # Of the examples.
TOLERANCES = np.linspace(*ENDS, 8).astype(np.float32)
pytestmark = pytest.mark.usefixtures("uncompiled")


def make_model(name):
    """Returns the example of the contract, whose `predict` is no graph either."""
    model = contract.make_model(name)
    model.run_eagerly = True
    return model


@pytest.fixture(params=cover(contract.RANGE_MODELS, ["ConvVAE_range"]), scope="module")
def model(request):
    return make_model(request.param)


def methods(model, images, **tolerance):
    """What every method of the users gives for eight images."""
    given = context_of(model, images)
    record = model.infer(images, seed=2, **given, **tolerance)
    latents = record.latents
    return {
        "latents": list(latents),
        "rate": record.rate,
        "distortion": record.distortion,
        "encode": list(model.encode(images, **given, **tolerance)),
        "reconstruct": model.reconstruct(images, **given, **tolerance),
        "call": model(images, **given, **tolerance),
        "predict": model.predict(batch_of(model, images), verbose=0, batch_size=3, **tolerance),
        "decode": model.decode(latents, **given, **tolerance).mean(),
        "log_prior": model.log_prior(latents, **given, **tolerance),
        "log_posterior": model.log_posterior(latents, images, **given, **tolerance),
        "sample": model.sample(8, seed=1, **given, **tolerance),
        "sample_prior": list(model.sample_prior(8, seed=1, **given, **tolerance)),
        "log_prob": model.log_prob(images, num_samples=2, **given, **tolerance),
    }


# A standard normal prior knows no tolerance.
_OF_EVERY_PRIOR = ("log_prior", "sample_prior")


def test_every_method_takes_a_tolerance_a_row(model, images):
    """A row has the answer that it has where all rows have its tolerance, and others have not."""
    mixed = methods(model, images, tolerance=TOLERANCES)
    same = methods(model, images, tolerance=float(TOLERANCES[5]))
    for name, values in mixed.items():
        pairs = list(zip(tf.nest.flatten(values), tf.nest.flatten(same[name]), strict=True))
        for one, other in pairs:
            assert_close(one[5], other[5])
        is_moved = any(np.abs(one[0] - other[0]).max() > 1e-4 for one, other in pairs)
        assert is_moved or (name in _OF_EVERY_PRIOR and isinstance(model, zoo.ConvVAE)), name


def test_the_default_is_the_middle(images):
    model = make_model("ConvVAE_range")
    found, expected = (methods(model, images, **given) for given in ({}, {"tolerance": MIDDLE}))
    assert_close(list(found.values()), list(expected.values()))


def test_densities_are_those_of_the_record_at_the_same_tolerances(model, images):
    given = context_of(model, images) | {"tolerance": TOLERANCES}
    record = model.infer(images, seed=1, **given)
    assert_close(model.log_prior(record.latents, **given), record.log_prior)
    assert_close(model.log_posterior(record.latents, images, **given), record.log_posterior)
    assert_close(model.decode(record.latents, **given).mean(), record.reconstruction)
    noise = random.RowNoise(random.row_seeds((3, 0), 8)).fold(0)
    record = model.infer(images, seed=noise, **given)
    of_levels = model.likelihood.log_prob_of_levels(record.likelihood, record.images)
    expected = of_levels + record.log_prior - record.log_posterior
    assert_close(model.log_prob(images, num_samples=1, seed=3, **given), expected)


def test_the_tolerance_is_the_scale_of_the_likelihood(model, images):
    record = model.infer(images, seed=0, tolerance=TOLERANCES, **context_of(model, images))
    d = np.prod(contract.IMAGE_SHAPE)
    expected = d * (
        np.log(TOLERANCES * np.sqrt(2 * np.pi)) + record.squared_error / (2 * TOLERANCES**2)
    )
    assert_close(record.distortion, expected)


@pytest.mark.parametrize("name", contract.RANGE_MODELS)
def test_a_fresh_model_is_the_one_without_a_range(name, images):
    """The same weights, moved by nothing yet, and the same answers whatever the tolerance."""
    keras.utils.set_random_seed(0)
    ranged_model = contract.MODELS[name]()
    config = ranged_model.get_config() | {"tolerance_range": None, "frozen_layers": []}
    if name.startswith("NVPVAE"):  # Its prior has a condition more.
        config["prior"] = "standard_normal"
        ranged_model = type(ranged_model).from_config(config | {"tolerance_range": ENDS})
    keras.utils.set_random_seed(0)
    ranged_model = type(ranged_model).from_config(ranged_model.get_config())
    keras.utils.set_random_seed(0)
    plain = type(ranged_model).from_config(config)
    given = context_of(plain, images)
    expected = plain.infer(images, seed=1, **given)
    record = ranged_model.infer(images, seed=1, tolerance=TOLERANCES, **given)
    assert_close(record.reconstruction, expected.reconstruction, 0.0)
    assert_close(record.rate, expected.rate, 0.0)


# === What cannot be asked for ===


@pytest.mark.parametrize(
    ("tolerance", "received"),
    [
        (0, "0"),
        (np.nan, "nan"),
        (0.29, "0.29"),
        (0.61, "0.61"),
        ([0.4] * 7 + [0.7], "0.4 to 0.7"),
        ([0.3, 0.4], "an array of shape \\(2,\\)"),
        (np.full((8, 1), 0.4), "an array of shape \\(8, 1\\)"),
        ("a", "a str"),
    ],
)
def test_what_is_no_tolerance_of_the_range_is_refused_by_every_method(images, tolerance, received):
    model = contract.make_model("ConvVAE_range")
    latents = model.encode(images)
    wanted = f"tolerance must be a number from 0.3 to 0.6.*, or one for each .*: {received}"
    for method, arguments in {
        model.infer: (images,),
        model.encode: (images,),
        model.reconstruct: (images,),
        model: (images,),
        model.predict: (images,),
        model.decode: (latents,),
        model.log_prior: (latents,),
        model.log_posterior: (latents, images),
        model.posterior: (images,),
        model.sample: (8,),
        model.sample_prior: (8,),
        model.sample_rows: (tf.zeros([8, 2], tf.int32),),
        model.log_prob: (images,),
    }.items():
        with pytest.raises(ValueError, match=wanted):
            method(*arguments, tolerance=tolerance)


def test_a_model_without_a_range_takes_no_tolerance(images):
    model = contract.make_model("ConvVAE")
    for call in (
        lambda: model.reconstruct(images, tolerance=0.1),
        lambda: model.sample(2, tolerance=0.1),
        lambda: model.predict(images, tolerance=0.1),
        lambda: model.predict({"image": images, "tolerance": TOLERANCES}, verbose=0),
    ):
        with pytest.raises(ValueError, match="made without tolerance_range, so it takes no toler"):
            call()
    with pytest.raises(ValueError, match="made without tolerance_range"):
        model.calibrate(images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance_range": (0.2, 0.1)}, r"tolerance_range must be \(least, most\).*\(0.2, 0.1\)"),
        ({"tolerance_range": 0.1}, r"tolerance_range must be \(least, most\).*Received.*0.1"),
        ({"tolerance_range": ENDS, "encoder": keras.Sequential([keras.Input((4, 8, 2)),
          keras.layers.Flatten()])}, "needs the ConvVAE's own networks.*leave out encoder="),
    ],
)  # fmt: skip
def test_what_is_no_range_of_a_model_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), **arguments)


def test_a_class_without_ranges_refuses_one():
    with pytest.raises(
        ValueError, match=r"PixelVAE has one tolerance.*ConvDRAW, ConvVAE and NVPVAE"
    ):
        zoo.PixelVAE((4, 4, 1), tolerance_range=ENDS)


@pytest.mark.parametrize(
    ("name", "objective", "message"),
    [
        ("ConvVAE_range", zoo.ELBO, r"range=\(0.3, 0.6\) is trained by .* alone.*: ELBO\."),
        ("ConvVAE_range", lambda: zoo.GECO(ReconstructionError(0.4)), "is trained by .*: GECO\\."),
        ("ConvVAE_range", lambda: zoo.GECO(ReconstructionError((0.2, 0.6))),
         r"Received: GECO with the range \(0.2, 0.6\)"),
        ("ConvVAE", lambda: zoo.GECO(ReconstructionError(ENDS)),
         r"has no tolerance as an input.*make it with tolerance_range=\(0.3, 0.6\)"),
    ],
)  # fmt: skip
def test_a_model_and_its_objective_have_the_same_range(name, objective, message):
    with pytest.raises(ValueError, match=message):
        contract.make_model(name).compile("adam", objective=objective())


def test_a_range_model_is_compiled_with_its_own_range_by_default():
    model = contract.make_model("ConvVAE_range")
    model.compile()
    assert model.objective.tolerance_range == model.tolerance_range


# === Training ===


def trained(name, images, **kwargs):
    model = contract.make_compiled(name, None, contract.linear_optimizer(), **kwargs)
    return model, contract.train(model, images, num_steps=2, batch_size=8)


@pytest.mark.thorough
def test_two_replicas_train_and_evaluate_as_one_does(images, two_replicas):
    """The tolerances of a batch are drawn, and averaged over, for all replicas."""
    model, loss = trained("ConvVAE_range", images, run_eagerly=True)
    with two_replicas.scope():
        replicated, replicated_loss = trained("ConvVAE_range", images)
    assert replicated_loss == pytest.approx(loss, rel=1e-5)
    assert_same_state(state_of(replicated), state_of(model), tolerance=1e-5)
    logs = [
        m.evaluate(images, batch_size=4, verbose=0, return_dict=True) for m in (model, replicated)
    ]
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)


@pytest.mark.parametrize("name", cover(contract.RANGE_MODELS, ["ConvVAE_range"]))
def test_training_goes_on_after_loading(name, images, tmp_path):
    model = contract.make_compiled(name, run_eagerly=True)
    contract.train(model, images, num_steps=2, batch_size=8)
    model.calibration.store(np.linspace(0.25, 0.6, 17))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True
    assert_same_state(state_of(loaded), state_of(model))
    given = context_of(model, images) | {"tolerance": 0.4}
    assert_close(loaded.reconstruct(images, **given), model.reconstruct(images, **given))
    losses = [contract.train(m, images, num_steps=1) for m in (loaded, model)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert_same_state(state_of(loaded), state_of(model), tolerance=1e-5)
    # Of other weights the calibration no longer tells.
    np.testing.assert_allclose(model.calibration.errors, model.calibration.inputs, rtol=1e-5)


@pytest.mark.thorough
def test_a_graph_trains_as_the_steps_by_themselves_do(images):
    losses = []
    for how in ({"run_eagerly": True}, {"jit_compile": True}):
        model = contract.make_compiled("ConvVAE_range", None, contract.linear_optimizer(), **how)
        losses.append(contract.train(model, images, num_steps=3, batch_size=8))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_tolerances_of_a_batch_are_spread_over_the_trained_range():
    seeds = [random.derive(random.as_seed(3), step) for step in range(50)]
    drawn = np.stack([random.StepNoise(seed, 8).stratified() for seed in seeds])
    np.testing.assert_array_equal(
        np.sort(np.floor(8 * drawn), axis=1), np.tile(np.arange(8), (50, 1))
    )
    # A row has each part equally often, and is anywhere in it.
    assert drawn[:, 0].mean() == pytest.approx(0.5, abs=0.15)
    assert (8 * drawn % 1).std() == pytest.approx(np.sqrt(1 / 12), rel=0.1)


# === Measuring ===


def test_evaluate_measures_five_tolerances_or_the_one_that_is_asked_for(images):
    model = contract.make_compiled("ConvVAE_range", run_eagerly=True)
    contract.train(model, images, num_steps=1)
    logs = model.evaluate(images, batch_size=4, verbose=0, return_dict=True)
    points = [f"{p:.3g}" for p in np.geomspace(*ENDS, 5)]
    plain = {"loss", "rate", "rmse", "distortion", "error_violation", "error_multiplier"}
    assert set(logs) == plain | {f"{n}_{p}" for n in ("rate", "rmse") for p in points}
    assert logs["rate"] == logs[f"rate_{points[2]}"]
    assert logs["rmse"] == logs[f"rmse_{points[2]}"]
    worst = max((logs[f"rmse_{p:.3g}"] / p) ** 2 - 1 for p in np.geomspace(*ENDS, 5))
    assert logs["error_violation"] == pytest.approx(worst, abs=1e-5)
    # The rate has no noise.
    one = model.evaluate(images, verbose=0, return_dict=True, tolerance=0.6)
    assert set(one) == plain
    assert one["rate"] == pytest.approx(logs["rate_0.6"], rel=1e-5)
    assert one["rate"] == pytest.approx(
        np.mean(model.infer(images, seed=0, tolerance=0.6).rate), rel=1e-5
    )
    assert model.evaluate(images, batch_size=4, verbose=0, return_dict=True) == logs
    with pytest.raises(ValueError, match=r"tolerance must be a number from 0.3 to 0.6"):
        model.evaluate(images, verbose=0, tolerance=0.7)
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="leave `tolerance` out of the batches"):
            run({"image": images, "tolerance": TOLERANCES})


def test_predict_takes_a_column_of_tolerances(images):
    model = make_model("ConvVAE_range")
    expected = model.reconstruct(images, seed=(4, 0), tolerance=TOLERANCES)
    column = {"image": images, "tolerance": TOLERANCES}
    data = tf.data.Dataset.from_tensor_slices(column).batch(3)
    for x in (column, data):
        assert_close(model.predict(x, verbose=0, seed=4), expected)
    assert_close(model(column), model.reconstruct(images, tolerance=TOLERANCES))


# === Calibration ===


def test_a_calibration_is_read_backwards():
    calibration = Calibration(ToleranceRange(0.05, 0.2))
    asked = np.float32([0.05, 0.08, 0.1, 0.2])
    assert_close(calibration(asked), asked)
    calibration.store(calibration.inputs * 1.1)
    assert_close(calibration(asked[1:]), asked[1:] / 1.1, 1e-5)
    assert float(calibration(asked[:1])[0]) == pytest.approx(0.05, rel=1e-5)  # No less is there.
    # An error that falls from one input to the next is noise.
    errors = calibration.inputs * np.where(np.arange(17) % 2, 1.1, 0.95)
    calibration.store(errors)
    assert (np.diff(calibration.errors) > 0).all()
    assert (calibration.errors >= errors * 0.999).all()


def test_calibrate_makes_the_error_what_is_asked_for():
    """A model whose input is off: its error at κ is that of a good one at another."""
    images = np.random.default_rng(2).uniform(size=(500, *contract.IMAGE_SHAPE)).astype(np.float32)
    model = contract.make_model("ConvVAE_range")
    rng = np.random.default_rng(4)
    for weight in model.tolerance_input.modulations.weights:
        weight.assign(2.0 * rng.standard_normal(weight.shape))
    reached = model.calibrate(images, batch_size=250)
    tolerances = model.calibration.inputs
    again = [
        np.sqrt(np.mean(model.infer(images, seed=0, training=True, tolerance=t).squared_error))
        for t in tolerances[[1, 9]]
    ]
    assert again == pytest.approx(reached[[1, 9]], rel=1e-4)
    # In a stretch where the table rises, the answer is between the measured ones.
    errors = model.calibration.errors
    asked = np.clip(np.sqrt(errors[8] * errors[9]), *ENDS).astype(np.float32)
    model.infer(images[:1], tolerance=asked)
    assert float(model.calibration(asked[None])[0]) == pytest.approx(
        np.exp(np.interp(np.log(asked), np.log(errors), np.log(tolerances))), rel=1e-4
    )
    with pytest.raises(ValueError, match=r"at least 500 images.*Received: 8"):
        model.calibrate(images[:8])


def test_calibrate_warns_of_what_cannot_be_met(images, caplog):
    model = zoo.ConvVAE(contract.IMAGE_SHAPE, 2, (2,), 4, tolerance_range=(0.01, 0.1))
    model.calibrate(np.repeat(images, 63, axis=0), batch_size=504)
    [message] = [r.getMessage() for r in caplog.records if r.name.startswith("zoo")]
    assert "tolerance_range begins at 0.01: what is asked for below is not met. Train" in message
