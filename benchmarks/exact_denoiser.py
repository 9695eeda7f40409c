"""How far a diffusion's network is from the exact denoiser, on sets where that is known.

    python -m benchmarks.exact_denoiser          # some five minutes of one core
    python -m benchmarks.exact_denoiser --quick  # few steps, nothing written

The networks are those of the target `topology`, trained by its recipe anew. Of images of a circle
or a torus E[ε | x_t] is known, and no network has a smaller error: what it has more is its own.
"""

import argparse
import dataclasses
import json
import pathlib
import tempfile

import numpy as np

from tests.zoo.models.diffusion.exact_denoisers import errors_beside, exact_denoiser, known
from training.datasets.topology import rendering_of
from training.evaluation import known_topology
from training.reproduction.targets import TARGETS
from training.runs import run

NUMBERS = pathlib.Path(__file__).parent / "results" / "exact_denoiser.json"
SETS = ("circle", "torus")  # Whose spheres lie in two dimensions.
NUM_IMAGES = 2000


def main():
    """Trains, measures, prints, and keeps the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few steps, nothing written")
    quick = parser.parse_args().quick
    recipes = {one.name: one.recipe for one in TARGETS["topology"].runs("small")}
    numbers = {}
    for name in SETS:
        recipe = recipes[f"topology_{name}_diffusion"]
        if quick:
            recipe = dataclasses.replace(recipe, steps=20, steps_per_epoch=20)
        with tempfile.TemporaryDirectory() as folder:
            model, _ = run.train(recipe, pathlib.Path(folder) / name, export=False, results=False)
        numbers[name] = measure(model, rendering_of(name, model.image_shape[:2]))
        numbers[name]["steps"] = recipe.steps
        print(name, json.dumps(numbers[name], indent=1))
    if not quick:
        NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def measure(model, rendering):
    """Returns errors of ε a pixel, and how far samples by network and by exact denoiser lie."""
    points = rendering.manifold.draw(NUM_IMAGES, np.random.default_rng(0))
    denoise = exact_denoiser(rendering, dimension=2)
    errors = errors_beside(model, denoise, rendering.render(points))
    found = dict(zip(("network", "exact", "excess"), map(_mean, errors), strict=True))
    found["excess_standard_error"] = float(errors[2].std() / np.sqrt(NUM_IMAGES))
    fresh = type(model).from_config(model.get_config())
    for way, one in (("network", model), ("exact", known(fresh, denoise))):
        of_samples = known_topology.of_images(one.sample(500, seed=0).numpy(), rendering)
        found[f"{way}_off_manifold"] = of_samples["off_manifold"]
        found[f"{way}_off_manifold_share"] = of_samples["off_manifold_share"]
    return found


def _mean(values):
    return float(np.mean(values))


if __name__ == "__main__":
    main()
