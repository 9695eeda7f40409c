import math

import keras
import pytest
import tensorflow as tf

from zoo import schedules


def _value(schedule, step):
    return float(schedule.value(tf.constant(float(step)), None))


def test_linear_and_cosine_pass_through_known_points():
    linear = schedules.Linear(2.0, 1.0, steps=8)
    assert [_value(linear, step) for step in (0, 2, 4, 8, 100)] == [2.0, 1.75, 1.5, 1.0, 1.0]
    cosine = schedules.Cosine(0.0, 4.0, steps=8)
    for step in range(9):
        assert _value(cosine, step) == pytest.approx(
            4 * math.sin(math.pi * step / 16) ** 2, abs=1e-5
        )
    assert _value(cosine, 1000) == 4.0


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.Linear(0, 1.0, 3),
        schedules.Cosine(0.5, 0.25, 7),
        schedules.PixelScaleAnnealing(steps=5),
    ],
)
def test_schedules_survive_serialisation(schedule):
    config = keras.saving.serialize_keras_object(schedule)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(schedule)
    assert vars(copy) == vars(schedule)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 1, 5), "start must be a finite number of at least 0. Received: start=-1"),
        ((0, float("inf"), 5), "end must be"),
        ((0, 1, 0), "steps must be an int of at least 1. Received: steps=0"),
        ((0, 1, 2.5), "steps must be"),
    ],
)
def test_bad_schedules_are_refused(arguments, message):
    for kind in (schedules.Linear, schedules.Cosine):
        with pytest.raises(ValueError, match=message):
            kind(*arguments)


def test_pixel_scale_must_stay_above_0():
    with pytest.raises(ValueError, match=r"end must be .* above 0: a scale of pixels"):
        schedules.PixelScaleAnnealing(2.0, 0.0)
