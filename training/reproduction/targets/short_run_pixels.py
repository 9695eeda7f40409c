"""A decoder that can do without latents, trained by short Langevin chains and by an encoder."""

import numpy as np

import zoo
from training.evaluation import contrastive_information
from training.figures.grids import as_levels
from training.reproduction.target import Target
from training.reproduction.targets.short_run_drawing import draw_rows
from training.reproduction.trained_anew import TrainedAnew, load_digits

__all__ = ["TARGET"]

_INFERENCES = {"ELBO": "encoder", "short run": "short_run"}
# Steps of training; test images: of rate and bits, of the information.
_SIZES = {"smoke": (2, 20, 10), "small": (400, 1000, 100), "paper": (50_000, 10_000, 1000)}
_NETWORKS = {"filters": 16, "num_blocks": 2, "encoder_filters": (8, 16), "hidden_units": 64}
_PAPER_NETWORKS = {"filters": 64, "num_blocks": 4}
_CHAINS = {"num_steps": 12, "step_size": 0.1}
_NUM_SHOWN, _NUM_ANSWERS = 10, 2


def _make(shape, scale, inference):
    sizes = _PAPER_NETWORKS if scale == "paper" else _NETWORKS
    return zoo.PixelVAE(shape, 16, position_embedding=True, inference=inference, **_CHAINS, **sizes)


def _measure(finished):
    steps, num_images, num_information = _SIZES[finished.scale]
    data = load_digits(finished.scale)
    shown = data.sample_images("test", _NUM_SHOWN, seed=1)
    numbers, arrays = {}, {"images": shown}
    for name, inference in _INFERENCES.items():
        trained = TrainedAnew(lambda each=inference: _make(data.image_shape, finished.scale, each))
        model = trained.fit(data.arrays("train")["image"], steps)
        logs = model.evaluate(data.batches("test", 100, num_images), verbose=0, return_dict=True)
        numbers[name] = {each: float(logs[each]) for each in ("rate", "distortion")}
        numbers[name] |= contrastive_information.measure(model, data, num_images=num_information)
        answers = [model.reconstruct(shown, seed=seed) for seed in range(_NUM_ANSWERS)]
        arrays[f"answers {name}"] = np.stack([as_levels(each) for each in answers])
    return numbers, arrays


def _draw(numbers, arrays, path):
    rows = {"image": arrays["images"]}
    for name, row in numbers.items():
        for index, answers in enumerate(arrays[f"answers {name}"]):
            told = f"\n≥ {row['information_at_least']:.2f} nats" if index == 0 else " again"
            rows[f"{name}{told}"] = answers
    draw_rows(path, "PixelVAE: images drawn from the latents of an image", rows)


def _verdict(numbers):
    elbo, short_run = (numbers[name] for name in _INFERENCES)
    agrees = elbo["information_at_least"] < 0.1 < 1.0 < short_run["information_at_least"]
    return (
        f"{'agrees' if agrees else 'disagrees'}: latents tell of an image at least "
        f"{elbo['information_at_least']:.2f} nats (rate {elbo['rate']:.2f}) by the ELBO, "
        f"{short_run['information_at_least']:.2f} nats by short run, of at most "
        f"{elbo['log_num_images']:.2f} that {np.exp(elbo['log_num_images']):.0f} images can show."
    )


TARGET = Target(
    name="short-run-pixels",
    source="Learning Multi-layer Latent Variable Model via Variational Optimization of Short Run "
    "MCMC for Approximate Inference (Nijkamp et al. 2020), its text models, on images",
    claim="A decoder that could do without latents leaves them unused when it is trained with an "
    "encoder by the ELBO; trained by short-run inference it uses them.",
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
    remark="The paper's decoder is an LSTM on text; here it is a small PixelVAE (16 filters, 2 "
    "blocks, 16 latents) on MNIST, chains of 12 steps of 0.1. 400 steps of 64 images are not yet "
    "half an epoch: neither decoder has learned its latents, as the pictures show. The information "
    "is the contrastive bound of 100 test images, with a standard error of 0.2 nats each; a rate "
    "well above it is what q(z) is off the prior, and that of short run is loose besides.",
)
