"""Taming VAEs, Figures 6 and 9 to 11: samples and reconstructions by objective."""

import numpy as np

from training import datasets
from training.figures import save_comparison
from training.figures.grids import as_levels
from training.reproduction.target import Target
from training.reproduction.targets.shared_runs import LABELS, make_variants

__all__ = ["TARGET"]

_TITLES = {
    "conv_draw_mnist": "ConvDRAW on MNIST",
    "conv_draw_cifar10": "ConvDRAW on CIFAR-10",
    "nvp_vae_color_mnist": "VAE+NVP on Color-MNIST",
}
_SYSTEMS = tuple(_TITLES)
_TOLERANCES = (0.06, 0.1, 0.175)
_NUM_IMAGES = 12


def _runs(scale):
    if scale == "smoke":
        return make_variants(_SYSTEMS[0], scale, _TOLERANCES[1:2], ("sharpness",))
    runs = []
    for system in _SYSTEMS:
        runs += make_variants(system, scale, _TOLERANCES, ("sharpness",))
    return runs


def _measure(finished):
    numbers, arrays = {}, {}
    for system in _SYSTEMS:
        there = {
            name.removeprefix(f"{system}_"): result
            for name, result in finished.results.items()
            if name.startswith(system)
        }
        if there:
            numbers[system], shown = _measure_system(there)
            arrays |= {f"{system}_{name}": images for name, images in shown.items()}
    return (numbers, arrays) if numbers else None


def _measure_system(results):
    data = datasets.load_for(next(iter(results.values())).recipe)
    images = data.sample_images("test", _NUM_IMAGES, seed=0)
    numbers, reconstructions, samples = {}, [], []
    for label, result in results.items():
        model = result.load()
        test = result.metrics["test"]
        name = LABELS.get(label) or label.replace("geco_", "GECO, RE ")
        reconstructions.append(as_levels(model.reconstruct(images)))
        samples.append(as_levels(model.sample(_NUM_IMAGES, seed=0)))
        sharpness = result.measures["sharpness"]
        numbers[name] = {"rate": test["rate"], "rmse": test["rmse"], **sharpness}
    arrays = {"images": images, "reconstructions": reconstructions, "samples": samples}
    return numbers, {name: np.asarray(values) for name, values in arrays.items()}


def _draw(numbers, arrays, path):
    for system, rows in numbers.items():
        first = system == _SYSTEMS[0]
        picture = path if first else path.with_name(f"{path.stem}_{system}.png")
        labels = [
            f"{name}\n{row['rate']:.3g} nats, rmse {row['rmse']:.3f}" for name, row in rows.items()
        ]
        halves = (arrays[f"{system}_{name}"] for name in ("reconstructions", "samples"))
        title = f"Figure 6: {_TITLES[system]}, by what it was trained for"
        images = arrays[f"{system}_images"]
        save_comparison(picture, images, list(zip(labels, *halves, strict=True)), title)


def _verdict(numbers):
    count = sum(len(rows) for rows in numbers.values())
    plural = "s" * (count > 1)
    return f"{count} model{plural} drawn; judge by eye, beside the sharpness of their samples."


TARGET = Target(
    name="figure-6",
    source="Taming VAEs, Figures 6, 9, 10 and 11",
    claim="Samples of models trained by GECO look better than the ELBO's, at a tolerance that "
    "leaves out what is not needed.",
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
    remark="By eye the paper is right in part: the ELBO's samples are the most broken on MNIST "
    "(pieces of strokes) and CIFAR-10 (coloured patches), those at larger tolerances whole, but "
    "soft; on Color-MNIST the ELBO's and those at 0.1 look alike. None on CIFAR-10 shows an "
    "object: the models are small. The paper shows CelebA, Color-MNIST and CIFAR-10, and other "
    "constraints beside the reconstruction error; here are MNIST in place of CelebA and the "
    "reconstruction error alone (docs/RESULTS.md has the others on MNIST).",
)
