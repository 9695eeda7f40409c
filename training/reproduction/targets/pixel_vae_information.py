"""Zhao, Song & Ermon 2017, Figure 5: PixelVAE with and without a regulariser."""

import zoo
from training.figures.chains import save_chains
from training.figures.grids import as_levels
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET"]

_RUNS = {"pixel_vae_mnist": "ELBO", "pixel_vae_mnist_unregularised": "no regulariser"}
_SHORT = {"pixel_vae_mnist": "elbo", "pixel_vae_mnist_unregularised": "unregularised"}
_NUM_IMAGES, _CHAIN_STEPS = 8, 9


def _runs(scale):
    return [Run(name, scaled(name, scale, name), ("mutual_information",)) for name in _RUNS]


def _measure(finished):
    numbers, arrays = {}, {}
    for name, result in finished.results.items():
        model, short = result.load(), _SHORT[name]
        arrays[f"{short}_ancestral"] = as_levels(model.sample(_NUM_IMAGES, seed=0))
        chain = zoo.sampling.markov_chain(model, _CHAIN_STEPS, num=_NUM_IMAGES)
        arrays[f"{short}_chain"] = as_levels(chain)
        rates = [row["val_rate"] for row in result.history]
        information = result.measures["mutual_information"]
        numbers[_RUNS[name]] = information | {
            "rate_of_the_first_epoch": rates[0],
            "rate_of_the_last_epoch": rates[-1],
        }
    return (numbers, arrays) if numbers else None


def _draw(numbers, arrays, path):
    """One picture a run: its left column ancestral samples, the others a Markov chain."""
    for name, label in _RUNS.items():
        if label in numbers:
            suffix = name.removeprefix("pixel_vae_mnist")  # Empty of the ELBO's.
            picture = path.with_name(f"{path.stem}{suffix}.png")
            information = numbers[label]["mutual_information"]
            title = (
                f"PixelVAE on MNIST, {label}: mutual information of x and z {information:.2f} nats"
            )
            before = {"beside": "prior sample", "first_step": 0}
            chain, ancestral = (arrays[f"{_SHORT[name]}_{kind}"] for kind in ("chain", "ancestral"))
            save_chains(picture, chain, ancestral, title=title, **before)


def _verdict(numbers):
    found = {label: row["mutual_information"] for label, row in numbers.items()}
    text = ", ".join(f"{label} {value:.2f} nats" for label, value in found.items())
    if len(found) < 2:
        return f"mutual information: {text}."
    agrees = found["ELBO"] < 0.5 and found["no regulariser"] > 1.0
    word = "agrees" if agrees else "disagrees"
    return f"{word}: mutual information of x and z: {text}. Judge the samples by eye."


TARGET = Target(
    name="pixel-vae-information",
    source="Zhao, Song & Ermon 2017, Figure 5",
    claim="Under the ELBO a PixelVAE's latents say nothing of the image; without a regulariser "
    "they do, and a Markov chain, not ancestral sampling, draws good images.",
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
)
