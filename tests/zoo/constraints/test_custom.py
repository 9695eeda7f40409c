"""A constraint by a function of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.zoo.constraints.conftest import make_record
from zoo.constraints import Custom


@keras.saving.register_keras_serializable("tests.custom")
def darkening(record):
    return tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3))


def test_values_are_the_function_less_the_tolerance(pairs):
    values = Custom(darkening, 0.1).values(make_record(*pairs))
    expected = (np.float64(pairs[0]) - np.float64(pairs[1])).mean(axis=(1, 2, 3)) - 0.1
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_name_scale_and_start():
    constraint = Custom(darkening, -0.25)
    assert (constraint.name, constraint.scale) == ("darkening", 0.25)
    assert Custom(darkening, 0.0).scale == 1.0
    constraint = Custom(darkening, 0.0, name="dark", scale=0.5)
    assert (constraint.name, constraint.scale) == ("dark", 0.5)
    assert float(constraint.signal(np.float32(0.25))) == 0.5
    assert constraint.initial_multiplier((4, 4, 1)) == 2.0


def test_a_model_with_a_registered_function_is_saved_and_loaded(images, tmp_path):
    model = contract.make_model(contract.SMALLEST)
    model.compile(
        objective=zoo.GECO(Custom(darkening, 0.01, name="dark", scale=0.2)), run_eagerly=True
    )
    model.fit(images, batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.objective.multipliers == model.objective.multipliers
    [constraint] = loaded.objective.constraints
    assert constraint.function is darkening
    assert constraint.get_config() == model.objective.constraints[0].get_config()


def test_a_function_that_is_not_registered_trains_and_says_on_saving_what_to_do(images, tmp_path):
    model = contract.make_model(contract.SMALLEST)
    constraint = Custom(lambda record: record.squared_error, 0.1)
    assert constraint.name == "lambda"
    model.compile(objective=zoo.GECO(constraint), run_eagerly=True)
    model.fit(images, verbose=0)
    for save, path in ((model.save, tmp_path / "model.keras"), (model.export, tmp_path / "1")):
        with pytest.raises(ValueError, match=r"saved only if its function is registered.*decorate"):
            save(path)
    assert not (tmp_path / "1").exists()


def test_a_function_of_another_shape_is_refused(images):
    model = contract.make_model(contract.SMALLEST)
    model.compile(objective=zoo.GECO(Custom(lambda r: r.reconstruction, 0.1, name="pixels")))
    with pytest.raises(ValueError, match=r"function of 'pixels' must give one value for each"):
        model.fit(images, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "rmse"}, "takes a function .*Received: function='rmse'"),
        ({"tolerance": float("nan")}, "tolerance must be a finite number.*tolerance=nan"),
        ({"scale": 0}, "scale must be a finite number above 0.*scale=0"),
        ({"scale": "a"}, "scale must be a finite number above 0.*scale='a'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Custom(**({"function": darkening, "tolerance": 0.1} | arguments))
