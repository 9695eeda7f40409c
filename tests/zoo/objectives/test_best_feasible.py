"""The callback that keeps the best feasible epoch, on fabricated epochs."""

import json

import keras
import numpy as np
import pytest

import zoo
from tests import contract
from zoo.constraints import PatchCorrelation, ReconstructionError


def make_model():
    model = contract.make_model(contract.SMALLEST)
    objective = zoo.GECO(
        [ReconstructionError(0.1, name="error"), PatchCorrelation(0.9, patch_size=4)]
    )
    model.compile(contract.linear_optimizer(), objective=objective)
    return model


def mark(model, value):
    """Moves all that a training step moves, so that an epoch's state can be told."""
    for weight in [*model.weights, *model.objective.weights, *model.optimizer.variables]:
        weight.assign(np.full(weight.shape, value))


def marks(model):
    """What `mark` left: of the weights with the objective's state, and of the optimiser."""
    kept = {float(np.max(w)) for w in [*model.weights, *model.objective.weights]}
    return kept, {float(np.max(w)) for w in model.optimizer.variables}


def play(callback, epochs, model=None):
    """Runs epochs of (rate, error's violation, correlation's violation); returns the model."""
    model = model or make_model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, (rate, error, correlation) in enumerate(epochs):
        mark(model, 10 + epoch)
        names = ("val_rate", "val_error_violation", "val_patch_correlation_violation")
        callback.on_epoch_end(epoch, dict(zip(names, (rate, error, correlation), strict=True)))
    callback.on_train_end()
    return model


NAN = float("nan")


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        # The least rate among feasible epochs, not the least rate, nor the last.
        ([(9, -1e-3, -0.1), (5, -1e-3, -0.1), (2, 1e-3, -0.1), (7, 0.0, 0.0)], 1),
        # A feasible epoch beats any that is not, whatever its rate.
        ([(1, 1e-6, -0.1), (90, -1e-6, -0.1), (1, -0.1, 1e-6)], 1),
        # None feasible: the worst violation by each constraint's scale, 0.01 and 0.1.
        ([(1, 0.02, -0.1), (1, 0.01, 0.15), (1, -0.1, 0.12), (1, 0.013, 0.01)], 2),
        # The first of equals; then the least rate.
        ([(3, 0.02, 0.0), (2, 0.02, 0.1), (2, 0.02, 0.1)], 1),
        ([(3, -1.0, -1.0), (3, -2.0, -2.0)], 0),
        # NaN comes last.
        ([(NAN, -1.0, -1.0), (1, NAN, -1.0), (4, 9.0, 9.0), (1, NAN, NAN)], 2),
    ],
)
def test_the_best_epoch_is_restored(epochs, best):
    keep = zoo.KeepBestFeasible()
    model = play(keep, epochs)
    assert keep.best["epoch"] == best
    assert keep.best["rate"] == epochs[best][0]
    # Weights, multipliers and averages are the best epoch's, the optimiser's state the last's.
    assert marks(model) == ({10.0 + best}, {10.0 + len(epochs) - 1})


def test_a_margin_is_relative_to_each_constraints_scale():
    epochs = [(9, 0.0, 0.0), (5, 0.0009, 0.009), (2, 0.0011, 0.0), (1, 0.0, 0.011)]
    for margin, best in ((0.1, 1), (0.0, 0)):
        keep = zoo.KeepBestFeasible(margin=margin)
        play(keep, epochs)
        assert keep.best["epoch"] == best


def test_each_new_best_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "best.weights.h5"
    keep = zoo.KeepBestFeasible(path)
    play(keep, [(9, 0.0, 0.0), (5, 0.0, 0.0), (7, 0.0, 0.0)])
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]
    assert json.loads((tmp_path / f"{path.name}.json").read_text()) == keep.best
    loaded = make_model()
    loaded.load_weights(path)
    assert marks(loaded)[0] == {11.0}


def test_a_killed_run_can_be_resumed(tmp_path):
    path = tmp_path / "best.weights.h5"
    play(zoo.KeepBestFeasible(path), [(9, 0.0, 0.0), (5, 0.0, 0.0)])
    model = play(keep := zoo.KeepBestFeasible(path, resume=True), [(7, 0.0, 0.0), (6, 0.0, 0.0)])
    assert (keep.best["rate"], marks(model)[0]) == (5, {11.0})
    model = play(keep := zoo.KeepBestFeasible(path, resume=True), [(7, 0.0, 0.0), (3, 0.0, 0.0)])
    assert (keep.best["rate"], marks(model)[0]) == (3, {11.0})
    model = play(keep := zoo.KeepBestFeasible(path), [(7, 0.0, 0.0)])
    assert (keep.best["rate"], marks(model)[0]) == (7, {10.0})


def test_a_callback_can_be_used_again():
    keep = zoo.KeepBestFeasible()
    model = play(keep, [(1, 0.0, 0.0)])
    play(keep, [(5, 0.0, 0.0), (6, 0.0, 0.0)], model)
    assert keep.best["rate"] == 5


def test_it_works_in_fit(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    keep = zoo.KeepBestFeasible()
    history = model.fit(
        images, batch_size=4, epochs=3, validation_data=(images,), callbacks=[keep], verbose=0
    ).history
    best = keep.best["epoch"]
    assert keep.best["violation"] == pytest.approx(history["val_error_violation"][best] / 0.6**2)
    logs = model.evaluate(images, verbose=0, return_dict=True)
    assert logs["rate"] == pytest.approx(history["val_rate"][best], rel=1e-5)
    assert logs["error_multiplier"] == pytest.approx(history["val_error_multiplier"][best])


def test_without_validation_data_it_says_so(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    with pytest.raises(ValueError, match=r"pass fit\(..., validation_data=...\).*\['distortion'"):
        model.fit(images, callbacks=[zoo.KeepBestFeasible()], verbose=0)


def test_without_constraints_it_says_so(images):
    model = contract.make_compiled(contract.SMALLEST, "ELBO")
    with pytest.raises(ValueError, match=r"compile with zoo.GECO.*Received: ELBO"):
        model.fit(images, validation_data=(images,), callbacks=[zoo.KeepBestFeasible()], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "best.keras"}, "must be a path that ends in .weights.h5.*best.keras"),
        ({"margin": -0.1}, "margin must be a finite number of at least 0.*-0.1"),
        ({"margin": NAN}, "margin must be a finite number of at least 0.*nan"),
        ({"resume": True}, "resume=True needs the filepath"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.KeepBestFeasible(**arguments)


def test_it_is_a_keras_callback():
    assert isinstance(zoo.KeepBestFeasible(), keras.callbacks.Callback)
