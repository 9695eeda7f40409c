"""What a finished run measures on the test split, for `metrics.json` and the card."""

import math
import os
import platform

import numpy as np
import tensorflow as tf

__all__ = [
    "bits_per_dimension",
    "equivalent_beta",
    "final_metrics",
    "machine_summary",
    "shortfalls",
    "training_facts",
    "unmet_constraints",
]

LOG_PROB_IMAGES = 500
LOG_PROB_SAMPLES = 16
MARGIN = 0.05  # An rmse counts as met up to this fraction of its tolerance beyond.
_LOG_PROB_BATCH = 50


def final_metrics(model, data, recipe, progress, test_logs, num_test_images):
    """Gathers a run's final measures.

    Args:
        model: The trained model.
        data: The `ImageDataset`.
        recipe: The `Recipe`.
        progress: The `Progress` at the end.
        test_logs: What `model.evaluate` gave on the test split.
        num_test_images: Images of the test split that it saw.

    Returns:
        JSON-ready values.
    """
    test = {name: float(np.squeeze(value)) for name, value in test_logs.items()}
    return {
        "test": test,
        "test_images": num_test_images,
        "tolerances": recipe.tolerances,
        "bits_per_dimension": bits_per_dimension(model, data),
        "multipliers": model.objective.multipliers,
        "equivalent_beta": equivalent_beta(model),
        "infeasible_constraints": infeasible_constraints(model),
        "unmet_constraints": unmet_constraints(model, test, progress.rows),
        **training_facts(model, recipe, progress),
    }


def training_facts(model, recipe, progress):
    """Says of any run what it took: steps, seconds, parameters, the machine; JSON-ready values."""
    seconds = sum(row["seconds"] for row in progress.rows)
    return {
        "steps": progress.step,
        "seed": recipe.seed,
        "parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        "training_seconds": round(seconds, 1),
        "images_per_second": round(progress.step * recipe.batch_size / max(seconds, 1e-9), 1),
        "machine": machine_summary(),
    }


def infeasible_constraints(model):
    """Names of the constraints that seem not to be met at all: see `zoo.GECO.infeasible`."""
    return getattr(model.objective, "infeasible", list)()


def unmet_constraints(model, test, rows):
    """Finds the constraints that the test split does not meet, with a margin.

    A constraint is met up to a violation of 0.1025 of its `scale`: a reconstruction error up to an
    rmse of 1.05 times its tolerance, an accuracy of κ up to a share of errors of 1.1025 (1 - κ).

    Args:
        model: The trained model.
        test: Measures of the test split, floats by name.
        rows: The run's history, one dict an epoch.

    Returns:
        By the constraint's name a dict of its kind, its tolerance, and what its multiplier did at
        the end: "very high", "rising", "not rising", or "unknown" after a single epoch.
    """
    unmet = {}
    for constraint in getattr(model.objective, "constraints", []):
        name, tolerance = constraint.name, constraint.tolerance
        margin = ((1.0 + MARGIN) ** 2 - 1.0) * constraint.scale
        if not test[f"{name}_violation"] <= margin:  # NaN is not met either.
            end = _end_of_multiplier(name, rows, infeasible_constraints(model))
            kind = type(constraint).__name__
            unmet[name] = {"kind": kind, "tolerance": tolerance, "multiplier": end}
    return unmet


def _end_of_multiplier(name, rows, infeasible):
    if name in infeasible:
        return "very high"
    values = [row[f"val_{name}_multiplier"] for row in rows[-2:]]
    if len(values) < 2:
        return "unknown"
    return "rising" if values[1] > values[0] else "not rising"


_ENDS = {
    "very high": "The multiplier is so high that raising it no longer helps. ",
    "rising": "The multiplier was still rising. ",
    "not rising": "The multiplier was no longer rising. ",
    "unknown": "",
}


def shortfalls(metrics):
    """Says of each constraint that was not met by how much, and what to do: a list of texts."""
    texts = []
    for name, unmet in metrics["unmet_constraints"].items():
        missed = (
            f"The tolerance {unmet['tolerance']:g} of {name.replace('_', ' ')} was not met: it is "
            f"exceeded by {metrics['test'][f'{name}_violation']:.3g}"
        )
        if unmet["kind"] == "ReconstructionError":
            rmse = metrics["test"]["rmse"]
            missed = f"The tolerance {unmet['tolerance']:g} was not met: rmse {rmse:.4g}"
        texts.append(
            f"{missed} on the test split. {_ENDS[unmet['multiplier']]}Train for more steps, give "
            "the model more capacity, or ask for a looser tolerance."
        )
    return texts


def bits_per_dimension(
    model, data, num_images=LOG_PROB_IMAGES, num_samples=LOG_PROB_SAMPLES, seed=0
):
    """Measures the upper bound on bits a dimension on the first images of the test split.

    Returns:
        A dict with the value and what it was measured on.
    """
    num_images = min(num_images, data.num_examples["test"])

    @tf.function(autograph=False)
    def log_prob(images, context, start):
        return model.log_prob(images, num_samples, tf.stack([seed, start]), context)

    total, start = 0.0, 0
    for batch in data.levels.batches("test", min(_LOG_PROB_BATCH, num_images), num_images):
        bounds = log_prob(batch["image"], batch.get("context"), tf.constant(start))
        total += float(tf.reduce_sum(bounds))
        start += int(batch["image"].shape[0])
    dimensions = math.prod(data.image_shape)
    return {
        "value": -total / (num_images * dimensions * math.log(2.0)),
        "images": num_images,
        "importance_samples": num_samples,
        "seed": seed,
    }


def equivalent_beta(model):
    """Returns the β of the β-VAE that weights squared errors as GECO's multiplier does, or None.

    β = D / (2 λ σ²) for the reconstruction error over D pixels, where σ is the likelihood's scale.
    """
    multiplier = model.objective.multipliers.get("reconstruction_error")
    scale = getattr(model.likelihood, "scale", None)
    if multiplier is None or scale is None:
        return None
    scale = float(scale)
    dimensions = math.prod(model.image_shape)
    return {"value": dimensions / (2.0 * multiplier * scale**2), "likelihood_scale": scale}


def machine_summary():
    """Says what the run ran on, without naming the machine."""
    devices = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(d).get("device_name", "GPU") for d in devices
    ]
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "accelerators": names,
        "system": platform.system(),
    }


def _processor_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
