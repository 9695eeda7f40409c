"""Zhao, Song & Ermon 2017, Figure 4: a sequential VAE's images grow sharper step by step."""

import itertools

from training import datasets
from training.figures.chains import save_chains
from training.figures.grids import as_levels
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET"]

_NAME = "sequential_vae_cifar10"
_NUM_IMAGES = 8


def _runs(scale):
    return [Run(_NAME, scaled(_NAME, scale, _NAME), ("chain_steps",))]


def _measure(finished):
    if _NAME not in finished.results:
        return None
    result = finished.results[_NAME]
    model, data = result.load(), datasets.load_for(result.recipe)
    images = data.sample_images("test", _NUM_IMAGES, seed=0)
    arrays = {
        "images": images,
        "reconstructions": as_levels(model.reconstruct(images, seed=0, return_chain=True)),
        "samples": as_levels(model.sample(_NUM_IMAGES, seed=0, return_chain=True)),
    }
    return result.measures["chain_steps"], arrays


def _draw(numbers, arrays, path):
    del numbers
    title = "A sequential VAE on CIFAR-10: reconstructions, step by step"
    save_chains(path, arrays["reconstructions"], arrays["images"], title=title)
    title = "A sequential VAE on CIFAR-10: samples, step by step"
    save_chains(path.with_name(f"{path.stem}_samples.png"), arrays["samples"], title=title)


def _verdict(numbers):
    steps = sorted(name for name in numbers if name.endswith("_rmse"))
    errors = [numbers[name] for name in steps]
    sharpness = [numbers[name.replace("_rmse", "_sharpness")] for name in steps]
    is_ascending = [a < b for a, b in itertools.pairwise(sharpness)]
    is_descending = [a > b for a, b in itertools.pairwise(errors)]
    over_all = sharpness[0] < sharpness[-1] and errors[0] > errors[-1]
    by_step = all(is_ascending + is_descending)
    word = "agrees" if by_step else "agrees in part" if over_all else "disagrees"
    return (
        f"{word}: step by step the rmse goes {_arrows(errors, '.4f')}, the sharpness "
        f"{_arrows(sharpness, '.5f')} (data: {numbers['data_sharpness']:.5f})."
    )


def _arrows(values, form):
    return " → ".join(f"{value:{form}}" for value in values)


TARGET = Target(
    name="sequential-chain",
    source="Zhao, Song & Ermon 2017, Figure 4",
    claim="Each step of a sequential VAE makes its image sharper; the first is a plain VAE's.",
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
    remark="After 3000 training steps the last steps of the chain still copy what they are given.",
)
