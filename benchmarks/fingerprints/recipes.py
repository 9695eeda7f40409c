"""The small models whose numbers are pinned, and their training by the command line."""

import csv
import json
import os
import pathlib
import subprocess
import sys

from benchmarks.fingerprints.fingerprint import of_numbers, of_variables

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _of(class_name, **arguments):
    return {"class_name": class_name, "arguments": arguments}


def _geco(*constraints, **arguments):
    return _of("GECO", constraints=list(constraints), **arguments)


_ERROR = _of("ReconstructionError", tolerance=0.15)
_CONV_VAE = _of("ConvVAE", latent_dim=4, filters=[8, 8], hidden_units=16)
_DRAW = {"num_steps": 3, "filters": 8, "latent_filters": 2, "kernel_size": 3, "stride": 2}
_MIXTURE = _of("DiscretizedLogisticMixture", num_components=2)
# Name: architecture, objective, and where it is not `digits`, the data set.
RECIPES = {
    "conv_draw": (_of("ConvDRAW", **_DRAW), _geco(_ERROR)),
    "conditional_conv_draw": (
        _of("ConvDRAW", **_DRAW),
        _geco(_ERROR, update="algorithm-1"),
        "mnist_sum:digits",
    ),
    "conv_vae": (_CONV_VAE, _of("ELBO", beta=_of("Linear", start=0.0, end=1.0, steps=20))),
    "conv_vae_two_constraints": (
        _CONV_VAE,
        _geco(_ERROR, _of("PatchCorrelation", tolerance=0.5), update="algorithm-1"),
    ),
    "info_vae": (
        _CONV_VAE,
        _of("InfoVAE", alpha=0.5, lambda_=10.0, divergence=_of("MMD")),
    ),
    "nvp_vae": (
        _of("NVPVAE", latent_dim=4, num_couplings=4, coupling_units=[8], filters=[8, 8]),
        _geco(_ERROR),
    ),
    "sequential_vae": (
        _of("SequentialVAE", num_steps=3, latent_dims=[1, 2], filters=[8, 8], hidden_units=16),
        _of("ELBO", beta=1.0),
    ),
    "pixel_vae": (
        _of("PixelVAE", latent_dim=4, filters=8, num_blocks=2, likelihood=_MIXTURE),
        _of("Unregularised"),
    ),
    "infusion": (
        _of("InfusionModel", num_steps=4, filters=[8, 8], hidden_units=16),
        _of("Infusion"),
    ),
    "classifier": (_of("ConvClassifier", filters=[8, 8]), _of("CrossEntropy", shift=1)),
}
# Measured by `evaluate --measure`, for one of them.
MEASURED = ("conv_vae", ("aggregate_posterior", "active_units", "sharpness"))


def make_recipe(name):
    """Returns the recipe of that name in `RECIPES` as a dict: thirty steps, three epochs."""
    architecture, objective, *data = RECIPES[name]
    return {
        "name": name,
        "description": "A small model whose numbers are pinned.",
        "architecture": architecture,
        "objective": objective,
        "data": {"name": data[0] if data else "digits", "options": {"image_size": 8}},
        "optimizer": {"class_name": "Adam", "learning_rate": 0.005, "final_fraction": 0.1},
        "batch_size": 32,
        "steps": 30,
        "steps_per_epoch": 10,
        "validation_images": 64,
        "seed": 3,
        "fidelity": [{"setting": "size", "paper": "-", "ours": "tiny", "why": "pins numbers"}],
    }


def train(name, folder):
    """Trains a recipe by the command line; returns the run directory and its fingerprint."""
    recipe, directory = folder / f"{name}.json", folder / name
    recipe.write_text(json.dumps(make_recipe(name)), encoding="utf-8")
    _command("train", recipe, "--directory", directory)
    history = list(csv.DictReader((directory / "history.csv").open(encoding="utf-8")))
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    found = {
        "variables": of_variables(directory / "savedmodel" / "1"),
        "history": of_numbers({key: [row[key] for row in history] for key in history[0]}),
        "metrics": of_numbers(metrics),
    }
    if name == MEASURED[0]:
        output = folder / "measures.json"
        flags = [flag for measure in MEASURED[1] for flag in ("--measure", measure)]
        _command("evaluate", directory, *flags, "--output", output)
        found["measures"] = of_numbers(json.loads(output.read_text(encoding="utf-8")))
    return directory, found


def _command(*arguments):
    """Runs a command of `python -m training`."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
