"""Classes by name: what registers, how it is found, checked and built."""

import keras
import pytest

import zoo
import zoo.models  # Registers the zoo's own.
from zoo import registry
from zoo.names import UnknownName


@pytest.fixture
def mine(monkeypatch):
    """A constraint of another author, registered for one test."""
    monkeypatch.setitem(registry._CLASSES, "constraint", dict(registry._CLASSES["constraint"]))

    @registry.register("constraint", package="mine")
    class DarkHTTPImage(zoo.constraints.ReconstructionError):
        """Says what it bounds.

        And more.
        """

    return DarkHTTPImage


def test_a_class_brings_its_names_and_its_sentence(mine):
    assert (mine.short_name, mine.summary) == ("dark_http_image", "Says what it bounds.")
    assert registry.find("constraint", "DarkHTTPImage") is mine
    assert registry.find("constraint", "dark_http_image") is mine
    assert "DarkHTTPImage" in registry.names("constraint")
    assert keras.saving.get_registered_name(mine) == "mine>DarkHTTPImage"
    # What a base class says is about the base class.
    assert zoo.constraints.ReconstructionError.short_name == "RE"
    assert zoo.constraints.ReconstructionError.citations
    assert mine.citations == ()


def test_two_classes_of_one_name_are_refused(mine):
    with pytest.raises(ValueError, match=r"DarkHTTPImage of .* shares a name with DarkHTTPImage"):

        @registry.register("constraint")
        class DarkHTTPImage(zoo.constraints.ReconstructionError):
            """Another one."""

    with pytest.raises(ValueError, match=r"Other of .* shares a name with ReconstructionError"):

        @registry.register("constraint")
        class Other(zoo.constraints.ReconstructionError):
            short_name = "RE"

    assert registry.register("constraint", package="mine")(mine) is mine  # Itself, again.
    with pytest.raises(
        UnknownName, match=r"no kind of class 'constraints'\. Did you mean constraint"
    ):
        registry.register("constraints")


@pytest.mark.parametrize(
    ("kind", "name", "near", "known"),
    [
        (
            "objective",
            "GEKO",
            ["GECO"],
            ["ELBO", "GECO", "InfoVAE", "SimpleDiffusion", "Unregularised"],
        ),
        (
            "objective",
            "geko",
            ["geco"],
            ["elbo", "geco", "info_vae", "simple_diffusion", "unregularised"],
        ),
        ("divergence", "Wasserstein", [], ["Adversarial", "MMD", "Stein"]),
    ],
)
def test_an_unknown_name_says_what_there_is(kind, name, near, known):
    with pytest.raises(ValueError, match=f"There is no {kind} '{name}'") as raised:
        registry.find(kind, name)
    error = raised.value
    assert (error.kind, error.name, error.near, error.known) == (kind, name, near, known)
    assert ("Did you mean" in str(error)) == bool(near)


def test_parts_are_built_by_the_name_of_their_argument_or_by_their_own():
    config = {
        "class_name": "geco",
        "arguments": {
            "decay": 0.5,
            "constraints": [
                {"class_name": "RE", "arguments": {"tolerance": 0.2}},
                {"class_name": "PatchCorrelation", "arguments": {"tolerance": 0.9}},
            ],
        },
    }
    objective = registry.build("objective", config, name="mine")
    assert (type(objective), objective.name, objective.decay) == (zoo.GECO, "mine", 0.5)
    assert [c.tolerance for c in objective.constraints] == [0.2, 0.9]
    schedule = {"class_name": "Linear", "arguments": {"start": 0.0, "end": 1.0, "steps": 5}}
    elbo = registry.build("objective", {"class_name": "ELBO", "arguments": {"beta": schedule}})
    assert isinstance(elbo.beta, zoo.schedules.Linear)
    assert config["arguments"]["constraints"][0]["class_name"] == "RE"  # Nothing is changed in it.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bta": 0.1}, "no argument of ELBO 'bta'. Did you mean beta"),
        ({"kwargs": 0.1}, "no argument of ELBO 'kwargs'"),
        (
            {"beta": {"class_name": "Linea", "arguments": {}}},
            "no registered class 'Linea'. .*Linear",
        ),
        ({"beta": -1}, "beta must be"),
    ],
)
def test_what_cannot_be_built_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        registry.build("objective", {"class_name": "ELBO", "arguments": arguments})
