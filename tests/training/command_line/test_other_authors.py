"""What another author adds is one file: it is imported by name and used up to card and export."""

import json
import sys

import pytest

import zoo
from tests.training.tiny import tiny_recipe
from training import datasets
from training.command_line import cli
from training.kinds import kind
from training.recipes import imports
from training.runs import run
from training.runs.run_directory import RunDirectory
from zoo import registry

FILES = {
    "architecture": '''
import zoo
from zoo import registry

@registry.register("architecture")
class NarrowVAE(zoo.ConvVAE):
    """A ConvVAE of two latents."""

    def __init__(self, image_shape, width=2, likelihood="gaussian", **kwargs):
        sizes = {"filters": (width,), "hidden_units": width}
        super().__init__(image_shape, latent_dim=2, likelihood=likelihood, **sizes, **kwargs)
        self.width = width

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in ("image_shape", "likelihood", "width")}
''',
    "likelihood": '''
from zoo import registry
from zoo.distributions import Gaussian

@registry.register("likelihood")
class WideGaussian(Gaussian):
    """A Gaussian of scale 1/2."""

    def __init__(self, **kwargs):
        kwargs = {"scale": 0.5} | kwargs
        super().__init__(**kwargs)
''',
    "objective": '''
import zoo
from zoo import registry

@registry.register("objective")
class PatientGECO(zoo.GECO):
    """GECO that waits for its multipliers."""

    def __init__(self, constraints, delay=2, **kwargs):
        super().__init__(constraints, delay=delay, **kwargs)
''',
    "constraint": '''
import tensorflow as tf
import zoo
from zoo import registry

@registry.register("constraint")
class Brightness(zoo.constraints.Constraint):
    """Bounds by how much reconstructions are too dark."""

    short_name = "dark"

    def values(self, record):
        return tf.reduce_mean(record.images - record.reconstruction, (1, 2, 3)) - self.tolerance
''',
    "divergence": '''
import tensorflow as tf
import zoo
from zoo import registry
from zoo.divergences.divergence import flatten_latents

@registry.register("divergence")
class SquaredNorm(zoo.divergences.Divergence):
    """The mean square of the latents."""

    def terms(self, model, record, noise):
        return {"divergence": tf.reduce_sum(flatten_latents(record.latents) ** 2, axis=1)}
''',
    "kind": '''
import zoo
from training import kinds
from training.kinds.latent_model import LatentModel
from zoo import registry

@registry.register("architecture")
class LoneVAE(zoo.ConvVAE):
    """A ConvVAE of a kind of its own."""

@kinds.register
class LoneModel(LatentModel):
    """A latent model of whose run something else is said."""

    name = "lone model"
    model_class = LoneVAE

    def summary(self, metrics):
        return f"A {self.name} of {metrics['steps']} steps."
''',
    "data_set": '''
import numpy as np
from training.datasets import ImageDataset, MemorySplit, register

@register("stripes", rest="WIDTH", default="2")
def load_stripes(width, image_size, seed):
    """Images of stripes, as wide as is said."""
    height, columns = image_size or (8, 8)
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (200, height, columns // int(width), 1), np.uint8)
    images = images.repeat(int(width), axis=2)
    parts = {"train": images[:120], "validation": images[120:160], "test": images[160:]}
    return ImageDataset(
        name="stripes",
        image_shape=images.shape[1:],
        num_classes=None,
        description="Stripes.",
        splits={name: MemorySplit({"image": part}) for name, part in parts.items()},
    )
''',
    "measure": """
import numpy as np

DESCRIPTION = "the mean pixel of samples"
NEEDS = ()

def measure(model, data):
    return {"mean": float(np.mean(model.sample(4, seed=0)))}
""",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A file for each path, which a test imports; forgotten afterwards."""
    for name in registry.KINDS:
        monkeypatch.setitem(registry._CLASSES, name, dict(registry._CLASSES[name]))
    monkeypatch.setattr(kind, "KINDS", list(kind.KINDS))
    monkeypatch.setattr(imports, "MODULES", {})
    monkeypatch.setattr(datasets.registry, "_ENTRIES", dict(datasets.registry._ENTRIES))
    paths = {}
    for name, text in FILES.items():
        paths[name] = tmp_path / f"another_{name}.py"
        paths[name].write_text(text)
    yield paths
    for path in paths.values():
        sys.modules.pop(path.stem, None)


def train(files, names, tmp_path, **changes):
    """Trains a tiny recipe with those files by the command line; returns the run directory."""
    recipe = tmp_path / "mine.json"
    values = tiny_recipe(name="mine", steps=3, **changes).to_dict()
    recipe.write_text(json.dumps(values))
    given = [argument for name in names for argument in ("--import", str(files[name]))]
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--directory", str(run), *given]) == 0
    kept = json.loads((run / "recipe.json").read_text())["imports"]
    assert kept == [str(files[name]) for name in names]
    assert (run / "card.md").exists()
    assert (run / "savedmodel" / "1" / "saved_model.pb").exists()
    return run


def part(class_name, **arguments):
    return {"class_name": class_name, "arguments": arguments}


def test_an_architecture_likelihood_objective_constraint_data_set_and_measure(
    files, tmp_path, capsys
):
    names = ["architecture", "likelihood", "objective", "constraint", "data_set"]
    constraints = [part("Brightness", tolerance=0.1), part("ReconstructionError", tolerance=0.4)]
    run = train(
        files,
        names,
        tmp_path,
        architecture=part("NarrowVAE", width=3, likelihood=part("WideGaussian")),
        objective=part("PatientGECO", constraints=constraints),
        data={"name": "stripes:4", "options": {}},
    )
    card = (run / "card.md").read_text()
    assert "GECO that waits for its multipliers." in card
    assert "`another_architecture.NarrowVAE`" in card
    model = zoo.load(run / "savedmodel" / "1")
    assert [type(o).__name__ for o in (model, model.likelihood, model.objective)] == [
        "NarrowVAE",
        "WideGaussian",
        "PatientGECO",
    ]
    capsys.readouterr()
    # The run itself says what else it needs.
    measure = ["--import", str(files["measure"]), "--measure", "another_measure"]
    assert cli.main(["evaluate", str(run), *measure]) == 0
    assert "another_measure (the mean pixel of samples):" in capsys.readouterr().out
    assert cli.main(["compare", str(run), str(run), "--output", str(tmp_path / "c.png")]) == 0
    assert cli.main(["evaluate", str(run), "--measure", "another_mesure"]) == 2
    assert "Did you mean another_measure" in capsys.readouterr().err


def test_a_run_that_imports_is_resumed_with_the_same_import_and_without(
    files, tmp_path, monkeypatch
):
    """Up to where training begins: no other recipe than the one that the run was begun with."""
    begun = []

    def train(recipe, directory, resume, *others, **options):
        directory = RunDirectory(directory)
        if resume:
            run._check_same_recipe(recipe, directory)
        else:
            directory.create(recipe.to_dict())
        begun.append(recipe)
        return None, None

    monkeypatch.setattr(run, "train", train)
    recipe = tmp_path / "mine.json"
    objective = part("InfoVAE", divergence=part("SquaredNorm"))
    recipe.write_text(json.dumps(tiny_recipe(name="mine", objective=objective).to_dict()))
    command = ["train", str(recipe), "--directory", str(tmp_path / "run")]
    with_import = ["--import", str(files["divergence"])]
    assert cli.main([*command, *with_import]) == 0
    assert cli.main([*command, "--resume", *with_import]) == 0
    assert cli.main([*command, "--resume"]) == 0
    assert [one.imports for one in begun] == [[str(files["divergence"])]] * 3
    assert cli.main([*command, "--resume", "--import", str(files["measure"])]) == 2, "another one"


@pytest.mark.thorough
def test_a_divergence_and_a_kind_of_model(files, tmp_path, capsys):
    objective = part("InfoVAE", lambda_=2.0, divergence=part("SquaredNorm"))
    architecture = tiny_recipe().architecture | {"class_name": "LoneVAE"}
    changes = {"objective": objective, "architecture": architecture}
    directory = train(files, ["divergence", "kind"], tmp_path, **changes)
    assert "A lone model of 3 steps." in capsys.readouterr().out
    model = zoo.load(directory / "savedmodel" / "1")
    assert type(model.objective.divergence).__name__ == "SquaredNorm"
    assert kind.of_model(model).name == "lone model"


@pytest.mark.parametrize("text", ["another_architecture", "absent.py", "no_such_module"])
def test_what_cannot_be_imported_is_said(text, files, capsys):
    del files
    assert cli.main(["data", "digits", "--import", text]) == 2
    assert f"--import {text} failed" in capsys.readouterr().err
