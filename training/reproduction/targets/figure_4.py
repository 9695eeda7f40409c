"""Taming VAEs, Figure 4: the information plane of models, data sets and objectives."""

from training.reproduction.drawing import information_plane, saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target

__all__ = ["TARGET", "annealed"]

_TOLERANCES = (0.06, 0.08, 0.1, 0.125, 0.175)
_SYSTEMS = {
    "conv_draw_mnist": "ConvDRAW, MNIST",
    "conv_draw_cifar10": "ConvDRAW, CIFAR-10",
    "conv_draw_mnist_rotate": "conditional ConvDRAW, MNIST-rotate",
    "nvp_vae_color_mnist": "VAE+NVP, Color-MNIST",
}
_SMOKE_SYSTEM, _SMOKE_TOLERANCE = "conv_draw_mnist", 0.1


def annealed(steps):
    """The objective that GQN anneals by hand, its horizon a third of the run [choice]."""
    beta = {"start": 2.0, "end": 0.7, "steps": max(steps // 3, 1)}
    schedule = {"class_name": "PixelScaleAnnealing", "arguments": beta}
    return {"class_name": "ELBO", "arguments": {"beta": schedule}}


def _runs(scale):
    is_smoke = scale == "smoke"
    tolerances = (_SMOKE_TOLERANCE,) if is_smoke else _TOLERANCES
    runs = []
    for system in (_SMOKE_SYSTEM,) if is_smoke else _SYSTEMS:
        measures = () if "rotate" in system else ("quantized_likelihood",)
        variants = {f"geco_{t:g}": {"objective": "geco", "tolerance": t} for t in tolerances}
        variants["elbo"] = {"objective": "elbo"}
        variants["annealed"] = {"objective": annealed(scaled(system, scale, system).steps)}
        for label, changes in variants.items():
            name = f"{system}_{label}"
            runs.append(Run(name, scaled(system, scale, name, **changes), measures))
    return runs


def _draw(finished, path):
    systems = {}
    for name, result in finished.results.items():
        system = next(s for s in sorted(_SYSTEMS, key=len, reverse=True) if name.startswith(s))
        systems.setdefault(system, []).append(_point(name.removeprefix(f"{system}_"), result))
    if not systems:
        return None
    size = {"figsize": (5 * len(systems), 4), "squeeze": False}
    with saved(path, 1, len(systems), **size) as (_, (axes,)):
        for axis, (system, points) in zip(axes, systems.items(), strict=True):
            information_plane(axis, points)
            axis.set_title(_SYSTEMS[system])
    return systems


def _point(label, result):
    kinds = {"elbo": "ELBO", "annealed": "ELBO, annealed"}
    measured = result.measures.get("quantized_likelihood")
    test = result.metrics["test"]
    return {
        "label": label.removeprefix("geco_") if label.startswith("geco") else "",
        "objective": kinds.get(label, "GECO"),
        "rate": measured["rate"] if measured else test["rate"],
        # Of a conditional model the likelihood at its own running σ*, in densities.
        "loss": measured["negative_log_likelihood"] if measured else test["distortion"],
        "rmse": test["rmse"],
    }


def _verdict(numbers):
    parts = []
    for system, points in numbers.items():
        met = [
            point
            for point in points
            if point["objective"] == "GECO" and point["rmse"] <= 1.05 * float(point["label"])
        ]
        asked = [point for point in points if point["objective"] == "GECO"]
        if asked:
            parts.append(f"{_SYSTEMS[system]}: {len(met)} of {len(asked)} tolerances met within 5%")
    return ("; ".join(parts) or "no run under GECO is finished") + "."


TARGET = Target(
    name="figure-4",
    source="Taming VAEs, Figure 4",
    claim="The tolerance says where on the trade-off between rate and distortion a model ends; "
    "the ELBO, annealed by hand or not, ends at one place of it that nobody chose.",
    paper_numbers={},
    runs=_runs,
    draw=_draw,
    verdict=_verdict,
)
