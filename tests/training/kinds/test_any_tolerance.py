"""What a run and the commands say of a model for a range of tolerances."""

import contextlib
import copy
import types

import numpy as np
import pytest

from tests.training.tiny import make_model, tiny_recipe
from training import datasets, kinds
from training.command_line import options
from training.evaluation import bits_per_dimension, feasibility
from training.kinds import latent_model
from training.recipes import find_recipe
from zoo.errors import MismatchError
from zoo.models import any_tolerance

ENDS = [0.1, 0.4]


def range_recipe():
    values = copy.deepcopy(tiny_recipe().to_dict())
    values["architecture"]["arguments"]["tolerance_range"] = ENDS
    values["objective"]["arguments"]["constraints"][0]["arguments"]["tolerance"] = ENDS
    return tiny_recipe(**values)


@pytest.fixture(scope="module")
def data():
    return datasets.load_for(range_recipe())


@pytest.fixture
def model(data, uncompiled, monkeypatch):
    monkeypatch.setattr(bits_per_dimension, "measure", lambda *_, **given: given)
    made = make_model(range_recipe(), data.image_shape)
    made.run_eagerly = True
    return made


def test_a_model_is_measured_at_five_tolerances_or_at_the_one_asked_for(model, data):
    kind = kinds.of_model(model)
    metrics = kind.measure_test(model, data, 100)
    tolerances = [point["tolerance"] for point in metrics["curve"]]
    assert tolerances == pytest.approx(np.geomspace(*ENDS, 5))
    assert metrics["curve"][2]["rmse"] == metrics["test"]["rmse"]
    assert metrics["tolerances"] == {"ReconstructionError": pytest.approx(0.2)}
    assert metrics["unmet_constraints"]["reconstruction_error"]["tolerance"] == tuple(ENDS)
    worst = max(point["rmse"] / point["tolerance"] for point in metrics["curve"]) - 1
    [text] = kind.verdicts(metrics)
    assert (
        f"Of the tolerances 0.1 to 0.4 not every one was met: at worst rmse is {worst:.1%}" in text
    )
    rows = [row[0] for row in kind.measure_rows(data, metrics | {"bits_per_dimension": _BITS})]
    assert [row for row in rows if row.startswith("rmse at")] == [
        f"rmse at {t:.3g}" for t in tolerances
    ]

    metrics = kind.measure_test(model, data, 100, tolerance=0.3)
    assert metrics["curve"] == []
    assert metrics["tolerances"] == {"ReconstructionError": 0.3}
    assert metrics["bits_per_dimension"] == {"tolerance": 0.3}
    violation = (metrics["test"]["rmse"] / 0.3) ** 2 - 1
    assert metrics["test"]["reconstruction_error_violation"] == pytest.approx(violation, abs=1e-5)


_BITS = {"value": 1.0, "images": 1, "importance_samples": 1}


def test_a_curve_that_is_met_says_how_near():
    points = [{"tolerance": t, "rmse": r * t} for t, r in ((0.1, 0.99), (0.2, 1.01), (0.4, 1.0))]
    metrics = {"unmet_constraints": {}, "tolerances": {"ReconstructionError": 0.2}, "curve": points}
    [text] = feasibility.verdicts(metrics | {"test": {"rmse": 0.202}})
    assert text.startswith("The tolerances 0.1 to 0.4 are met on the test split: at 3 of them rmse")
    assert "0.990 to 1.010 of its own" in text


def test_a_run_ends_with_a_calibration_where_there_are_images_enough(model, data, monkeypatch):
    kind = kinds.of_model(model)
    told = []

    @contextlib.contextmanager
    def stage(text):
        told.append(text)
        yield

    assert data.num_examples["validation"] < 500
    assert kind.finish(model, data, 100, stage) == {}
    for module in (latent_model, any_tolerance):
        monkeypatch.setattr(module, "LEAST_IMAGES", 10)
    found = kind.finish(model, data, 100, stage)["calibration"]
    assert found["images"] == data.num_examples["validation"]
    assert found["inputs"] == pytest.approx(model.calibration.inputs)
    assert np.all(model.calibration.errors >= 0.999 * np.array(found["rmse"]))
    assert len(told) == 1


def test_recipes_of_any_tolerance_name_one_range():
    for name in ("conv_vae_mnist_any", "conv_draw_mnist_any", "conv_draw_cifar10_any"):
        recipe = find_recipe(name)
        [constraint] = recipe.objective["arguments"]["constraints"]
        assert constraint["arguments"]["tolerance"] == [0.06, 0.175]
        assert recipe.architecture["arguments"]["tolerance_range"] == [0.06, 0.175]
        assert recipe.tolerances == {"ReconstructionError": pytest.approx(np.sqrt(0.06 * 0.175))}


def test_a_run_of_every_tolerance_takes_none():
    with pytest.raises(MismatchError, match=r"trains for every one from 0.06 to 0.175; leave"):
        find_recipe("conv_draw_mnist_any").override(tolerance=0.1)


def test_a_command_refuses_what_is_not_in_the_range(model):
    arguments = types.SimpleNamespace(model="runs/mine", tolerance=None)
    assert options.given_tolerance(arguments, model) == {}
    arguments.tolerance = 0.1
    assert options.given_tolerance(arguments, model) == {"tolerance": 0.1}
    arguments.tolerance = 0.05
    with pytest.raises(
        MismatchError, match=r"within the range of runs/mine, 0.1 to 0.4.*0.05; give"
    ):
        options.given_tolerance(arguments, model)
    single = types.SimpleNamespace(tolerances=None)
    with pytest.raises(MismatchError, match=r"runs/mine, whose tolerance is that of its training"):
        options.given_tolerance(arguments, single)


def test_a_range_has_no_gap_for_calibration_closes_it(model):
    row = {"reconstruction_error_violation": 0.05, "val_reconstruction_error_violation": 0.3}
    assert feasibility.validation_gaps(model, row) == {}
