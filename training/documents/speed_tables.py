"""Tables of what costs time: steps, samples, data, from the JSON of benchmarks."""

import statistics

from training.documents.markers import table
from training.documents.runs import read_benchmark

__all__ = ["TABLES"]


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
    found = read_benchmark("objectives")
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
        for name, row in read_benchmark("architectures")["recipes"].items()
    ]
    header = ("recipe", "objective", "parameters", "images a second", "of the convolution peak")
    return table(header, rows, texts=2)


def _pipelines(name, ratio, labels):
    rows = []
    for data, found in read_benchmark(name)["data_sets"].items():
        if data not in labels:
            continue  # Timed again from disk, in the other table.
        memory = ", ".join(f"{found['memory_mb'][k]:,.0f}" for k in ("warm", "epoch_1", "epoch_2"))
        speeds = (found[f"{part}_examples_per_second"] for part in ("pipeline", "step"))
        median, least, most = (found["ratio"][k] for k in ("median", "low", "high"))
        ratios = f"{median:.1f} ({least:.1f} to {most:.1f})"
        rows.append([labels[data], *(f"{speed:,.0f}" for speed in speeds), ratios, memory])
    header = ("data set", "pipeline, examples/s", "step, examples/s", ratio)
    memory = "memory after warm-up, epoch 1, epoch 2 (MB)"
    return table((*header, memory), rows, texts=1)


def _pipelines_in_memory():
    names = ("digits", "mnist", "mnist, binarised", "mnist, dequantised", "color_mnist")
    names += ("mnist_triplets", "mnist_sum", "mnist_sum_hard", "mnist_rotate", "cifar10")
    return _pipelines("data_pipelines", "ratio (quartiles)", {name: name for name in names})


def _pipelines_from_disk():
    made_up = ("celeb_a, made-up pictures", "lsun, made-up pictures")
    labels = {name: name for name in made_up} | {"mnist": "mnist (in memory, to compare)"}
    return _pipelines("data_pipelines_from_disk", "ratio", labels)


def _eager():
    found = {(row["architecture"], row["method"]): row for row in read_benchmark("eager_methods")}
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


_STEP_ROWS = (
    ("GECO's step over ELBO's", "≤ 1.03"),
    ("times as fast as PyTorch (compiled), both float32", "≥ 1.1"),
    ("times as fast as PyTorch (compiled), both bfloat16", "≥ 1"),
    ("images a second, ours, float32 / bfloat16", ""),
    ("images a second, PyTorch compiled, float32 / bfloat16", ""),
    ("share of the convolution peak, ours, float32 / bfloat16", ""),
)


def _train_step():
    sizes = read_benchmark("train_step_2_threads")["sizes"].values()
    settings = [size["settings"] for size in sizes]
    titles = [f"{given['num_steps']} steps, {given['filters']} filters" for given in settings]
    columns = [_step_cells(size) for size in sizes]
    rows = [
        [what, *cells, asked] for (what, asked), *cells in zip(_STEP_ROWS, *columns, strict=True)
    ]
    return table(("", *titles, "asked"), rows)


def _ratio(ratio):
    least, most = ratio["quartiles"]
    return f"{ratio['median']:.2f} ({least:.2f}-{most:.2f})"


def _step_cells(size):
    precisions = ("float32", "bfloat16")
    ratios = [size["geco_over_elbo"], *(size["faster_than_torch"][p] for p in precisions)]
    cells = [_ratio(ratio) for ratio in ratios]
    for variant in ("geco", "compiled"):
        speeds = (size["images_per_second"][f"{variant} {p}"] for p in precisions)
        cells.append(" / ".join(f"{speed:.0f}" for speed in speeds))
    shares = (size["share_of_convolution_peak"][f"geco {p}"] for p in precisions)
    return [*cells, " / ".join(f"{share:.0%}" for share in shares)]


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
        for row in read_benchmark("gpu")["rows"]
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
    return table(header, rows, texts=1)


def _fused_adam():
    rows = []
    for name, found in read_benchmark("fused_adam")["recipes"].items():
        least, most = found["quartiles"]
        step = f"{found['step']:.2f} ({least:.2f} to {most:.2f})"
        rows.append([name, step, f"{found['first_step']:.2f}"])
    return table(("recipe", "step", "first step"), rows, texts=1)


def _scaling():
    rows = []
    for name, found in read_benchmark("scaling")["recipes"].items():
        of_one, of_two = found["images_per_second"]
        computed = found["computed_images_per_second"].values()
        megabytes = f"{found['bytes'] / 1e6:.1f}"
        cells = [f"{each:.0f}" for each in (of_one, of_two, *computed)]
        share = f"{found['times_as_fast']:.2f}"
        rows.append([name, megabytes, *cells[:2], share, *cells[2:]])
    header = ("recipe", "gradients, MB", "one worker", "two", "times as fast")
    return table((*header, "8, computed", "64, computed"), rows, texts=1)


def _sampling():
    rows = []
    for name, found in read_benchmark("sampling")["recipes"].items():
        seconds, served = found["seconds"], found["served_over_sample"]
        names = ("training step", "forward pass of 64", "sample 1", "sample 64")
        milliseconds = (f"{1000 * seconds[each]:,.1f}" for each in names)
        step, *others = milliseconds
        times = f"{found['image_over_plain']:.1f}"
        ratio = f"{found['sample_over_forward_pass']:.2f}"
        batch = str(found["batch_size"])
        of_served = (f"{served[num]:.2f}" for num in ("1", "64"))
        rows.append([name, batch, step, times, *others, ratio, *of_served])
    header = ("recipe", "batch", "training step, ms", "an image, times a VAE's")
    header += ("forward pass of 64, ms", "sample 1, ms", "sample 64, ms", "sample over pass")
    return table((*header, "served over bare, 1", "64"), rows, texts=1)


def _step_profile():
    recipes = read_benchmark("step_profile")["recipes"]
    rows = []
    for name, found in recipes.items():
        kernels = sum(found["seconds_by_operation"].values()) / found["seconds_passed"]
        shares = (f"{share:.0%}" for share in found["shares"].values())
        rows.append([name, *shares, f"{kernels:.2f}"])
    kinds = next(iter(recipes.values()))["shares"]
    header = ("recipe", *kinds, "kernels at a time")
    return table(header, rows, texts=1)


def _peers():
    rows = []
    for name, found in read_benchmark("peers").items():
        cells = []
        for precision in ("float32", "bfloat16"):
            cells += _peer_cells(found["compared"].get(precision))
        differences = (f"{found['differences'][part]:.0e}" for part in ("loss", "gradients"))
        rows.append([found["recipe"] or name, " / ".join(differences), *cells])
    speeds = ("ours / PyTorch, {}", "times as fast")
    header = [speed.format(p) for p in ("float32", "bfloat16") for speed in speeds]
    return table(("networks of", "same loss / gradients to", *header), rows, texts=1)


def _peer_cells(compared):
    if compared is None:
        return ["", ""]
    ours, theirs = (compared[f"{whose}_images_per_second"] for whose in ("our", "their"))
    speeds = f"{ours:.0f} / {theirs:.0f} ({compared['torch_variant']})"
    return [speeds, _ratio(compared["times_as_fast"])]


def _peers_sampling():
    variants = ("graph", "xla", "eager", "compiled")
    rows = []
    for found in read_benchmark("peers_sampling")["numbers"]:
        medians = (statistics.median(found["seconds"][variant]) for variant in variants)
        times = (f"{1000 * seconds:.0f}" for seconds in medians)
        ratios = (found[name] for name in ("graph_times_as_fast", "times_as_fast"))
        rows.append([str(found["images"]), *times, *map(_ratio, ratios)])
    header = ("images at once", "ours, ms", "with XLA", "PyTorch eager", "compiled")
    header += ("times as fast", "the better of ours")
    return table(header, rows, texts=0)


def _onednn():
    rows = []
    for name, found in read_benchmark("onednn")["recipes"].items():
        without, with_it = (f"{speed:.0f}" for speed in found["images_per_second"])
        rows.append([name, without, with_it, f"{found['times_as_fast']:.2f}"])
    header = ("recipe", "images a second without", "with oneDNN", "times as fast")
    return table(header, rows, texts=1)


TABLES = {
    "onednn": _onednn,
    "step-profile": _step_profile,
    "sampling": _sampling,
    "peers": _peers,
    "peers-sampling": _peers_sampling,
    "scaling": _scaling,
    "fused-adam": _fused_adam,
    "pipelines": _pipelines_in_memory,
    "pipelines-from-disk": _pipelines_from_disk,
    "objectives": _objectives,
    "architectures": _architectures,
    "train-step": _train_step,
    "eager": _eager,
    "gpu": _gpu,
}
