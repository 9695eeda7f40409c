"""Zhao, Song & Ermon 2017, Figure 4: a sequential VAE's images grow sharper step by step."""

import numpy as np

from training import build
from training.figures.chains import save_chains
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET"]

_NAME = "sequential_vae_cifar10"
_NUM_IMAGES = 8


def _runs(scale):
    return [Run(_NAME, scaled(_NAME, scale, _NAME), ("chain_steps",))]


def _draw(finished, path):
    if _NAME not in finished.results:
        return None
    result = finished.results[_NAME]
    model, data = result.load(), build.load_data(result.recipe)
    images = data.sample_images("test", _NUM_IMAGES, seed=0)
    save_chains(path, model.reconstruct(images, seed=0, return_chain=True), images)
    samples = model.sample(_NUM_IMAGES, seed=0, return_chain=True)
    save_chains(path.with_name(f"{path.stem}_samples.png"), np.asarray(samples))
    return result.measures["chain_steps"]


def _verdict(numbers):
    steps = sorted(name for name in numbers if name.endswith("_rmse"))
    first, last = steps[0], steps[-1]
    sharper = [numbers[name.replace("_rmse", "_sharpness")] for name in (first, last)]
    agrees = numbers[last] < numbers[first] and sharper[1] > sharper[0]
    return (
        f"{'agrees' if agrees else 'disagrees'}: from the first step, a plain VAE, to the last the "
        f"rmse goes from {numbers[first]:.4f} to {numbers[last]:.4f} and the sharpness from "
        f"{sharper[0]:.5f} to {sharper[1]:.5f} (data: {numbers['data_sharpness']:.5f})."
    )


TARGET = Target(
    name="sequential-chain",
    source="Zhao, Song & Ermon 2017, Figure 4",
    claim="Each step of a sequential VAE makes its image sharper; the first is a plain VAE's.",
    paper_numbers={},
    runs=_runs,
    draw=_draw,
    verdict=_verdict,
)
