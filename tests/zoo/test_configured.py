"""Objects are saved as their constructor's arguments."""

import keras
import pytest

import zoo
from zoo.configured import Configured, argument_names


class Pair(Configured):
    keras_arguments = ()

    def __init__(self, first, second=2):
        self.first = first
        self.second = second


class Triple(Pair):
    """Sets an argument of its base class, and hands none on."""

    def __init__(self, third):
        super().__init__(first=third)
        self.third = third


class Wide(zoo.distributions.Gaussian):
    """Has an argument of its own, and hands on the others."""

    def __init__(self, width=1, **kwargs):
        super().__init__(**kwargs)
        self.width = width


def test_arguments_are_read_from_the_attributes_of_their_names():
    assert Pair(5).get_config() == {"first": 5, "second": 2}
    assert vars(Pair.from_config({"first": 3, "second": 4})) == {"first": 3, "second": 4}


def test_objects_among_the_arguments_are_saved_and_made_again():
    schedule = zoo.schedules.Linear(0.0, 1.0, steps=7)
    again = Pair.from_config(Pair((schedule, 1)).get_config())
    assert type(again.first[0]) is zoo.schedules.Linear
    assert vars(again.first[0]) == vars(schedule)


def test_arguments_that_are_handed_on_are_saved_too():
    assert argument_names(Wide) == ["width"]
    config = Wide(width=3, decay=0.5, name="wide", dtype="float64").get_config()
    again = Wide.from_config(config)
    assert (again.width, again.decay, again.name, again.dtype) == (3, 0.5, "wide", "float64")


def test_a_base_class_that_gets_no_arguments_has_none_saved():
    assert Triple(1).get_config() == {"third": 1}


def test_an_argument_that_is_not_kept_is_named():
    class Forgetful(Pair):
        def __init__(self, other, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(AttributeError, match="other"):
        Forgetful(1, first=2).get_config()


def test_constraints_saved_with_their_dtype_load():
    """As all were, by their constant one."""
    config = {"name": "error", "dtype": "float32", "tolerance": 0.25}
    saved = {"registered_name": "zoo.constraints>ReconstructionError", "config": config}
    module = {"module": "zoo.constraints", "class_name": "ReconstructionError"}
    constraint = keras.saving.deserialize_keras_object(saved | module)
    assert (constraint.name, constraint.tolerance) == ("error", 0.25)
