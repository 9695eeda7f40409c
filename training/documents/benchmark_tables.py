"""Tables of benchmarks, from the JSON that each wrote."""

from training.documents.markers import table
from training.documents.runs import read_benchmark, read_json

__all__ = ["TABLES"]


def _mnist_generators():
    rows = []
    for name, row in read_benchmark("mnist_generators")["recipes"].items():
        bits = read_json(f"savedmodels/{name}/metrics.json")["bits_per_dimension"]
        step = f"{row['step_milliseconds']:.0f} for {row['batch_size']}"
        sampling = f"{row['sampling_milliseconds_an_image']:.1f}"
        rows.append([f"`{name}`", f"{bits['value']:.3f}", step, sampling])
    header = ("model", "bits a dimension, at most", "training step, ms", "sampling, ms an image")
    return table(header, rows, texts=1)


def _activations():
    found = {(run["activation"], run["data"]): run for run in read_benchmark("activations")["runs"]}
    rows = []
    for activation in dict.fromkeys(activation for activation, _ in found):
        runs = [found[activation, data] for data in ("mnist", "color_mnist", "cifar10")]
        label = "**silu**" if activation == "silu" else activation
        rows.append([label, *(f"{run['rmse']:.4f}, {run['rate']:.1f}" for run in runs)])
    return table(("", "MNIST", "Color-MNIST", "CIFAR-10"), rows, texts=1)


def _kept_latents():
    errors = read_benchmark("kept_latents")["rmse_by_kept_groups"]
    cells = [f"{error:.4f}" for error in errors.values()]
    header = ("steps whose latents stay", *errors)
    return table(header, [["rmse", *cells]], texts=1)


def _outliers():
    found = read_benchmark("outliers")["models"]
    scores = ("joint", "log_prob", "likelihood_ratio")
    rows = []
    for name, measured in found.items():
        ratios = [n for n in measured if n.startswith(scores[2]) and n.endswith("area_under_roc")]
        best = max(ratios, key=measured.get, default=None)
        cells = [f"{measured[f'{score}_area_under_roc']:.3f}" for score in scores[:2]]
        k = best and best.removeprefix(f"{scores[2]}_").removesuffix("_area_under_roc")
        cells.append(f"{measured[best]:.3f} (k = {k})" if best else "")
        rows.append([name, measured["data"], *cells])
    header = ("model", "its data", "log p(x, z)", "bound on log p(x)", "likelihood ratio, best k")
    return table(header, rows, texts=2)


TABLES = {
    "outliers": _outliers,
    "kept-latents": _kept_latents,
    "mnist-generators": _mnist_generators,
    "activations": _activations,
}
