"""Taming VAEs, Figure 8: posteriors of seven digits in a plane of latents."""

import numpy as np

from training import datasets
from training.datasets.sources import NUM_MICRO_IMAGES
from training.figures.plots import PALETTE, saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET"]

_SAMPLES = 100  # Arrays that were read back from a picture have fewer: NaN for those hidden.
_TITLE = (
    "Figure 8: 100 latents of each of seven digits, drawn from their posteriors "
    "(dashed: the prior at 1 and 2 standard deviations)"
)
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


def _measure(finished):
    if not finished.results:
        return None
    numbers, arrays = {}, {}
    for name, result in finished.results.items():
        label = _LABELS[name.removeprefix("nvp_vae_micro_mnist_")]
        arrays[label], arrays["classes"] = _posterior_samples(result)
        rate = {"rate": result.metrics["test"]["rate"]}
        numbers[label] = _separation(arrays[label]) | rate
    return numbers, arrays


def _posterior_samples(result):
    """Draws latents of each image, `[images, samples, 2]`; gives the images' classes, too."""
    model, data = result.load(), datasets.load_for(result.recipe)
    examples = data.sample_examples("train", NUM_MICRO_IMAGES, seed=0)
    repeated = np.repeat(examples["image"], _SAMPLES, axis=0)
    (latents,) = model.encode(repeated, seed=0)
    latents = np.float32(latents).reshape(-1, _SAMPLES, latents.shape[-1])
    return latents, np.asarray(examples["label"])


def _draw(numbers, arrays, path):
    size = {"figsize": (3.1 * len(numbers) + 0.3, 4.1), "squeeze": False, "sharey": True}
    turn = np.linspace(0.0, 2.0 * np.pi, 100)
    edge = max(4.0, 1.05 * max(np.nanmax(np.abs(arrays[label])) for label in numbers))
    with saved(path, 1, len(numbers), title=_TITLE, **size) as (figure, (axes,)):
        for axis, label in zip(axes, numbers, strict=True):
            for radius in (1, 2):
                axis.plot(radius * np.cos(turn), radius * np.sin(turn), "--", color="0.5", lw=0.8)
            for points, digit, colour in zip(
                arrays[label], arrays["classes"], PALETTE, strict=True
            ):
                axis.scatter(*points.T, s=4, color=colour, label=f"a {digit}")
            axis.set(title=label, aspect="equal", xlim=(-edge, edge), ylim=(-edge, edge))
            axis.set_xlabel("z₁")
        axes[0].set_ylabel("z₂")
        handles, labels = axes[0].get_legend_handles_labels()
        style = {"loc": "outside lower center", "ncols": len(labels), "markerscale": 3}
        figure.legend(handles, labels, **style)


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
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
)
