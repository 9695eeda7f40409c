"""Taming VAEs, Figures 6 and 9 to 11: samples and reconstructions by objective."""

import numpy as np

from training import build, evaluation
from training.figures import save_comparison
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target
from training.reproduction.targets.figure_4 import annealed

__all__ = ["TARGET"]

_SYSTEMS = ("conv_draw_mnist", "conv_draw_cifar10")
_TOLERANCES = (0.06, 0.1)
_NUM_IMAGES = 12
_LABELS = {"elbo": "ELBO", "annealed": "ELBO, annealed"}


def _runs(scale):
    runs = []
    for system in _SYSTEMS[: 1 if scale == "smoke" else None]:
        tolerances = _TOLERANCES[1:] if scale == "smoke" else _TOLERANCES
        variants = {f"geco_{t:g}": {"objective": "geco", "tolerance": t} for t in tolerances}
        variants["elbo"] = {"objective": "elbo"}
        variants["annealed"] = {"objective": annealed(scaled(system, scale, system).steps)}
        for label, changes in variants.items():
            name = f"{system}_{label}"
            runs.append(Run(name, scaled(system, scale, name, **changes)))
    return runs


def _draw(finished, path):
    numbers = {}
    for system in _SYSTEMS:
        there = {
            name.removeprefix(f"{system}_"): result
            for name, result in finished.results.items()
            if name.startswith(system)
        }
        if there:
            first = system == _SYSTEMS[0]
            picture = path if first else path.with_name(f"{path.stem}_{system}.png")
            numbers[system] = _draw_system(there, picture)
    return numbers or None


def _draw_system(results, path):
    data = build.load_data(next(iter(results.values())).recipe)
    images = data.sample_images("test", _NUM_IMAGES, seed=0)
    rows, numbers = [], {}
    for label, result in results.items():
        model = result.load()
        test = result.metrics["test"]
        name = _LABELS.get(label) or label.replace("geco_", "GECO, RE ")
        samples = np.asarray(model.sample(_NUM_IMAGES, seed=0))
        text = f"{name}\n{test['rate']:.0f} nats, rmse {test['rmse']:.3f}"
        rows.append((text, np.asarray(model.reconstruct(images)), samples))
        sharpness = evaluation.measure("sharpness", model, data)
        numbers[name] = {"rate": test["rate"], "rmse": test["rmse"], **sharpness}
    save_comparison(path, images, rows)
    return numbers


def _verdict(numbers):
    count = sum(len(rows) for rows in numbers.values())
    plural = "s" * (count > 1)
    return f"{count} model{plural} drawn; judge by eye, beside the sharpness of their samples."


TARGET = Target(
    name="figure-6",
    source="Taming VAEs, Figures 6, 9, 10 and 11",
    claim="Samples of models trained by GECO look better than the ELBO's, at a tolerance that "
    "leaves out what is not needed.",
    paper_numbers={},
    runs=_runs,
    draw=_draw,
    verdict=_verdict,
)
