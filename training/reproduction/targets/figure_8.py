"""Taming VAEs, Figure 8: posteriors of seven digits in a plane of latents."""

import numpy as np

from training import datasets
from training.datasets.sources import NUM_MICRO_IMAGES
from training.reproduction.drawing import saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET"]

_SAMPLES = 100
_LABELS = {
    "elbo": "ELBO",
    "geco_0.06": "GECO, RE 0.06",
    "geco_0.1": "GECO, RE 0.1",
    "classes": "GECO, CLA 0.95",
}


def _runs(scale):
    classes = {"class_name": "ClassificationAccuracy"}
    classes["arguments"] = {"tolerance": 0.95, "classifier": "classifier_mnist"}
    variants = {
        "elbo": {"objective": "elbo"},
        "geco_0.06": {"objective": "geco", "tolerance": 0.06},
        "geco_0.1": {"objective": "geco", "tolerance": 0.1},
    }
    if scale != "smoke":  # The classifier knows digits of 28x28.
        variants["classes"] = {
            "objective": {"class_name": "GECO", "arguments": {"constraints": [classes]}}
        }
    runs = []
    for label, changes in variants.items():
        name = f"nvp_vae_micro_mnist_{label}"
        recipe = scaled(
            "nvp_vae_mnist",
            scale,
            name,
            arguments={"latent_dim": 2},
            dataset="micro_mnist",
            **_small(scale),
            **changes,
        )
        runs.append(Run(name, recipe))
    return runs


def _small(scale):
    """Seven images: a batch holds some of them, and a thousand steps are many epochs."""
    return {} if scale == "smoke" else {"batch_size": NUM_MICRO_IMAGES, "steps": 3000}


def _draw(finished, path):
    results = finished.results
    if not results:
        return None
    numbers = {}
    with saved(path, 1, len(results), figsize=(3.4 * len(results), 3.6), squeeze=False) as (
        _,
        (axes,),
    ):
        for axis, (name, result) in zip(axes, results.items(), strict=True):
            label = _LABELS[name.removeprefix("nvp_vae_micro_mnist_")]
            latents = _posterior_samples(result)
            for points in latents:
                axis.scatter(*points.T, s=4)
            axis.set(title=label, aspect="equal")
            numbers[label] = _separation(latents) | {"rate": result.metrics["test"]["rate"]}
    return numbers


def _posterior_samples(result):
    """Draws latents of each image, `[images, samples, 2]`."""
    model, data = result.load(), datasets.load_for(result.recipe)
    images = data.sample_images("train", NUM_MICRO_IMAGES, seed=0)
    (latents,) = model.encode(np.repeat(images, _SAMPLES, axis=0), seed=0)
    return np.asarray(latents).reshape(len(images), _SAMPLES, -1)


def _separation(latents):
    """How far the images' posteriors are apart, over how wide they are."""
    centers = latents.mean(axis=1)
    width = np.sqrt(latents.var(axis=1).sum(axis=-1).mean())
    apart = np.linalg.norm(centers[:, None] - centers[None], axis=2)
    nearest = (apart + np.diag(np.full(len(apart), np.inf))).min(axis=1).mean()
    return {"width": float(width), "distance_to_the_nearest": float(nearest)}


def _verdict(numbers):
    parts = [
        f"{label}: width {row['width']:.2f}, {row['distance_to_the_nearest']:.2f} from the nearest"
        for label, row in numbers.items()
    ]
    others = [row["width"] for label, row in numbers.items() if label != "ELBO"]
    if "ELBO" not in numbers or not others:
        return f"too few runs to compare; {'; '.join(parts)}."
    is_wider = [width > 1.1 * numbers["ELBO"]["width"] for width in others]
    agrees = "agrees" if all(is_wider) else "agrees in part" if any(is_wider) else "disagrees"
    return (
        f"{agrees}, as far as being wider than under the ELBO goes ({'; '.join(parts)}; the "
        "prior's width is 1.41). Judge the holes by eye."
    )


TARGET = Target(
    name="figure-8",
    source="Taming VAEs, Figure 8",
    claim="Under the ELBO the posteriors of seven digits are narrow and leave holes between them; "
    "under a constraint they fill the prior, each with its own region.",
    runs=_runs,
    draw=_draw,
    verdict=_verdict,
)
