"""Tables of benchmarks, from the JSON that each wrote."""

import statistics

from training.documents.markers import table
from training.documents.runs import read_json

__all__ = ["TABLES"]


def _read(name):
    return read_json(f"benchmarks/results/{name}.json")


def _right(count):
    return ["---"] + ["--:"] * (count - 1)


_OBJECTIVES = (
    "Unregularised",
    "GECO, ReconstructionError",
    "GECO, FeatureReconstructionError, patches",
    "GECO, PatchCorrelation",
    "GECO, ClassificationAccuracy",
    "InfoVAE, MMD",
    "InfoVAE, Stein",
    "InfoVAE, Adversarial",
)


def _objectives():
    found = _read("objectives")
    rows = [
        [
            name.replace(", patches", " of patches"),
            *(_median_and_quartiles(ratios[name]) for ratios in found.values()),
        ]
        for name in _OBJECTIVES
    ]
    return table(("step over the ELBO's", *found), rows)


def _median_and_quartiles(values):
    first, median, third = statistics.quantiles(values, n=4)
    return f"{median:.2f} ({first:.2f} to {third:.2f})"


def _architectures():
    rows = [
        [
            name,
            "its own" if row["objective"] == "Infusion" else row["objective"],
            f"{row['parameters']:,}",
            f"{row['images_per_second']:.0f}",
            f"{row['share_of_convolution_peak']:.0%}",
        ]
        for name, row in _read("architectures")["recipes"].items()
    ]
    header = ("recipe", "objective", "parameters", "images a second", "of the convolution peak")
    return table(header, rows, ["---", "---", "--:", "--:", "--:"])


def _activations():
    found = {(run["activation"], run["data"]): run for run in _read("activations")["runs"]}
    rows = []
    for activation in dict.fromkeys(activation for activation, _ in found):
        runs = [found[activation, data] for data in ("mnist", "color_mnist", "cifar10")]
        label = "**silu**" if activation == "silu" else activation
        rows.append([label, *(f"{run['rmse']:.4f}, {run['rate']:.1f}" for run in runs)])
    return table(("", "MNIST", "Color-MNIST", "CIFAR-10"), rows, _right(4))


_PARTS = {
    "default": "default",
    "default, full weight": "without the ELBO's weight at the start",
    "default, gain 0": "without the proportional term",
    "default, rises as it falls": "rising as fast as it falls",
    "default, decay 0.99": "decay 0.99",
    "default, decay 0.9": "decay 0.9",
    "default, step size 0.02": "step size 0.02",
    "default, by factors": "rising by factors above λ_0",
    "default, gain 4": "proportional gain 4",
    "before": "before",
    "before without waiting": "before, without waiting",
    "before without slowdown": "before, without the slowdown",
    "before without both": "before, without both",
}


def _multiplier_parts():
    runs = {(run["case"], run["variant"]): run for run in _read("multiplier_update")["runs"]}
    rows = []
    for variant, label in _PARTS.items():
        cells = []
        for case in ("mnist, 0.15", "mnist"):
            run = runs.get((case, variant))
            cells += ["", "", ""] if run is None else _part(run)
        rows.append([label, *cells])
    header = ("update", "κ = 0.15: nats", "overshoot, %", "worst")
    return table((*header, "κ = 0.1: nats", "overshoot, %", "worst"), rows)


def _part(run):
    return [
        f"{run['rate']:.1f}",
        f"{run['overshoot_percent']:.1f}",
        f"{run['worst_from_1000']:.3f}",
    ]


def _pipelines(name, ratio, labels):
    rows = []
    for data, found in _read(name)["data_sets"].items():
        if data not in labels:
            continue  # Timed again from disk, in the other table.
        memory = ", ".join(f"{found['memory_mb'][k]:,.0f}" for k in ("warm", "epoch_1", "epoch_2"))
        speeds = (found[f"{part}_examples_per_second"] for part in ("pipeline", "step"))
        median, least, most = (found["ratio"][k] for k in ("median", "low", "high"))
        ratios = f"{median:.1f} ({least:.1f} to {most:.1f})"
        rows.append([labels[data], *(f"{speed:,.0f}" for speed in speeds), ratios, memory])
    header = ("data set", "pipeline, examples/s", "step, examples/s", ratio)
    memory = "memory after warm-up, epoch 1, epoch 2 (MB)"
    return table((*header, memory), rows, _right(5))


def _pipelines_in_memory():
    names = ("digits", "mnist", "mnist, binarised", "mnist, dequantised", "color_mnist")
    names += ("mnist_triplets", "mnist_sum", "mnist_sum_hard", "mnist_rotate", "cifar10")
    return _pipelines("data_pipelines", "ratio (quartiles)", {name: name for name in names})


def _pipelines_from_disk():
    made_up = ("celeb_a, made-up pictures", "lsun, made-up pictures")
    labels = {name: name for name in made_up} | {"mnist": "mnist (in memory, to compare)"}
    return _pipelines("data_pipelines_from_disk", "ratio", labels)


def _eager():
    found = {(row["architecture"], row["method"]): row for row in _read("eager_methods")}
    architectures = list(dict.fromkeys(architecture for architecture, _ in found))
    rows = []
    for method in dict.fromkeys(method for _, method in found):
        runs = [found[architecture, method] for architecture in architectures]
        ratios = [
            f"{run['eager_over_compiled_before']:.1f} → {run['eager_over_compiled_after']:.2f}"
            for run in runs
        ]
        rows.append([f"`{method}`", *ratios])
    titles = [name.replace("_small", ", tiny") for name in architectures]
    return table(("method", *titles), rows)


_GPU_RECIPES = {
    "conv_vae_mnist": 64,
    "nvp_vae_cifar10": 64,
    "conv_draw_mnist": 64,
    "infusion_cifar10": 64,
    "pixel_vae_cifar10": 32,
    "classifier_cifar10": 128,
}


def _gpu():
    speeds = {
        (row["recipe"], row["images"], row["jit_compile"]): row["images_per_second"]
        for row in _read("gpu")["rows"]
        if row["what"] == "training"
        and row["dtype"] == "float32"
        and row["convolution"] in (None, "in frequency space")
    }
    rows = []
    for recipe, batch in _GPU_RECIPES.items():
        cells = []
        for images in (batch, 1024):
            both = (speeds[recipe, images, compiled] for compiled in (False, True))
            cells += [str(images), *(f"{speed:,.0f}" for speed in both)]
        rows.append([recipe, *cells])
    header = ("recipe", "batch", "images/s", "with XLA", "batch", "images/s", "with XLA")
    return table(header, rows, _right(7))


TABLES = {
    "pipelines": _pipelines_in_memory,
    "pipelines-from-disk": _pipelines_from_disk,
    "objectives": _objectives,
    "architectures": _architectures,
    "activations": _activations,
    "multiplier-parts": _multiplier_parts,
    "eager": _eager,
    "gpu": _gpu,
}
