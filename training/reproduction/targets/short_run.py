"""Nijkamp et al. 2020: one decoder, trained with an encoder and by short Langevin chains."""

import time

import numpy as np

import zoo
from training.evaluation import annealed_importance_sampling, frechet_distance
from training.figures.filled_in import fill_in
from training.figures.grids import as_levels
from training.reproduction.target import Target
from training.reproduction.targets.short_run_drawing import draw
from training.reproduction.trained_anew import TrainedAnew, load_digits
from zoo.errors import UsageError

__all__ = ["TARGET"]

_CHAIN_STEPS = 12
# Passes through the decoder and back of a step with chains: the start, each step, and the learning.
_PASSES = _CHAIN_STEPS + 2
# Steps of training; test images: of the errors, of the Fréchet distance, of log p(x) by annealing.
_SIZES = {
    "smoke": (2, 20, 20, 2),
    "small": (1500, 1000, 1000, 20),
    "paper": (100_000, 10_000, 10_000, 100),
}
_NUM_TEMPERATURES = {"smoke": 2, "small": 300, "paper": 2000}
_NAMES = ("VAE", "VAE, equal passes", "short run, L = 1", "short run, L = 2")
_NETWORKS = {"filters": (8, 16), "hidden_units": 64}
_PAPER_NETWORKS = {"filters": (64, 128), "hidden_units": 512}
_NUM_SHOWN, _NUM_ANSWERS, _LONG = 10, 5, 100


def _models(shape, scale):
    """Returns for each model what trains it, and how many times the steps of the others."""
    sizes = _PAPER_NETWORKS if scale == "paper" else _NETWORKS
    chains = {"num_steps": _CHAIN_STEPS, **sizes}
    vae = TrainedAnew(lambda: zoo.ConvVAE(shape, 16, **sizes))
    one, two = (
        TrainedAnew(lambda dims=dims: zoo.ShortRunModel(shape, dims, **chains))
        for dims in ((16,), (16, 32))
    )
    return dict(zip(_NAMES, ((vae, 1), (vae, _PASSES), (one, 1), (two, 1)), strict=True))


def _measure(finished):
    steps, *nums = _SIZES[finished.scale]
    data = load_digits(finished.scale)
    images = data.arrays("train")["image"]
    numbers, arrays = {}, {}
    for name, (trained, times) in _models(data.image_shape, finished.scale).items():
        start = time.process_time()
        model = trained.fit(images, times * steps)
        seconds = time.process_time() - start
        numbers[name] = {"steps": times * steps, "processor_seconds": seconds}
        numbers[name] |= _scores(model, data, *nums)
        numbers[name] |= _annealed(model, data, nums[-1], _NUM_TEMPERATURES[finished.scale])
        arrays[f"samples {name}"] = as_levels(model.sample(_NUM_SHOWN, seed=0))
    return numbers, arrays | _fill_in(model, data)


def _annealed(model, data, num_images, num_temperatures):
    """Bounds log p(x), which short chains' own bounds are far below; with its standard error."""
    found = annealed_importance_sampling.measure(
        model, data, num_images, num_temperatures=num_temperatures
    )
    names = {"log_prob": "annealed_log_prob", "log_prob_error": "annealed_log_prob_error"}
    return {new: found[old] for old, new in names.items()}


def _scores(model, data, num_errors, num_distance, num_images):
    logs = model.evaluate(data.batches("test", 100, num_errors), verbose=0, return_dict=True)
    found = {name: float(logs[name]) for name in ("rmse", "rate")}
    try:
        distances = frechet_distance.measure(model, data, num_samples=num_distance)
        found["distance_of_samples"] = distances["samples"]
        found["distance_of_reconstructions"] = distances["reconstructions"]
    except UsageError:  # No classifier knows the small digits of a smoke run.
        pass
    images = data.sample_images("test", num_images, seed=0)
    found["log_prob"] = float(np.mean(model.log_prob(images, 16, 0)))
    if isinstance(model, zoo.ShortRunModel):
        found["step_size"] = model.current_step_size
        longer = model.reconstruct(images, seed=0, num_steps=_LONG)
        usual = model.reconstruct(images, seed=0)
        found["rmse_of_usual_chains"], found["rmse_of_100_steps"] = (
            float(np.sqrt(np.mean((images / 255.0 - each) ** 2))) for each in (usual, longer)
        )
    return found


def _fill_in(model, data):
    """Test images, what masks show of them, and several answers for what they hide."""
    images = data.sample_images("test", _NUM_SHOWN, seed=1)
    shown, answers = fill_in(model, images, _NUM_ANSWERS)
    return {"images": images, "shown": shown, "answers": answers}


def _verdict(numbers):
    vae, equal, one, two = (numbers[name] for name in _NAMES)
    error = two["rmse"] < one["rmse"] < vae["rmse"]
    found = f"rmse {_values('rmse', vae, one, two)}"
    distance = "distance_of_samples"
    if distance not in vae:
        return f"no verdict: {found}."
    closer = two[distance] < one[distance] < vae[distance]
    word = "agrees" if error and closer else "agrees in part" if error or closer else "disagrees"
    return (
        f"{word}: of the VAE, short run with one layer and with two, {found}, Fréchet distance of "
        f"samples {_values(distance, vae, one, two)}; the VAE after as many passes through the "
        f"decoder as short run: rmse {equal['rmse']:.4g}, Fréchet distance {equal[distance]:.4g}."
    )


def _values(name, *rows):
    return ", ".join(f"{row[name]:.4g}" for row in rows)


TARGET = Target(
    name="short-run",
    source="Learning Multi-layer Latent Variable Model via Variational Optimization of Short Run "
    "MCMC for Approximate Inference (Nijkamp, Pang, Han, Zhou, Zhu & Wu 2020)",
    claim="Of the same decoder, short-run inference reconstructs with a smaller error than a VAE's "
    "encoder and draws samples at a smaller Fréchet distance; several layers of latents do better "
    "than one.",
    measure=_measure,
    draw=draw,
    verdict=_verdict,
    paper_numbers={
        "SVHN, mean squared error and FID: VAE": [0.019, 46.78],
        "SVHN: short run, L = 1": [0.018, 44.86],
        "SVHN: short run, L = 5": [0.011, 35.23],
        "CelebA 64x64: VAE": [0.021, 65.75],
        "CelebA 64x64: short run, L = 1": [0.020, 61.03],
        "CelebA 64x64: short run, L = 5": [0.015, 47.95],
    },
    remark="Ours are small networks (filters 8 and 16, 16 latents, above them 32) on MNIST, 1,500 "
    "steps of 64 images with chains of 12 steps of 0.1, hardly two epochs: verdict and pictures "
    "are those of a beginning. The Fréchet distances are in our classifier's features of 1,000 "
    "images, rmse and rate of 1,000 test images at drawn latents. log p(x) is of 20 images: by 16 "
    "draws, which is loose of chains, as their rate is; and by annealed importance sampling, which "
    "asks nothing of the inference and is loose, too: of the VAEs 13 and 21 nats below their own "
    "bounds. Its error is mostly that of the images, which are the same for all. Equal passes: the "
    "VAE after as many passes through the decoder and back as a training by short run makes.",
)
