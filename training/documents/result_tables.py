"""Tables of training runs."""

from training.datasets.cifar10 import CLASS_NAMES
from training.documents.markers import table
from training.documents.runs import read_benchmark, read_run

__all__ = ["TABLES"]

_NVP = "vae-zoo train nvp_vae_color_mnist"
# Data, run, objective, what the command adds to the recipe's name.
_TOLERANCES = (
    ("digits 16×16", "conv_draw_digits", "GECO, κ = 0.1", ""),
    ("digits 16×16", "conv_draw_digits_005", "GECO, κ = 0.05", " --tolerance 0.05"),
    ("digits 16×16", "conv_draw_digits_02", "GECO, κ = 0.2", " --tolerance 0.2"),
    (
        "digits 16×16",
        "conv_draw_digits_algorithm_1",
        'GECO, κ = 0.1, `update="algorithm-1"`',
        "docs/results/conv_draw_digits_algorithm_1/recipe.json",
    ),
    ("MNIST", "conv_draw_mnist_006", "GECO, κ = 0.06", " --tolerance 0.06"),
    ("MNIST", "conv_draw_mnist_008", "GECO, κ = 0.08", " --tolerance 0.08"),
    ("MNIST", "conv_draw_mnist", "GECO, κ = 0.1", ""),
    ("MNIST", "conv_draw_mnist_0125", "GECO, κ = 0.125", " --tolerance 0.125"),
    ("MNIST", "conv_draw_mnist_0175", "GECO, κ = 0.175", " --tolerance 0.175"),
    (
        "MNIST",
        "conv_draw_mnist_6000",
        "GECO, κ = 0.1 (earlier update)",
        " --steps 6000",
    ),
    (
        "MNIST",
        "conv_draw_mnist_9000",
        "GECO, κ = 0.1 (the pretrained model)",
        " --steps 9000",
    ),
    ("MNIST", "conv_draw_mnist_elbo", "ELBO", " --objective elbo"),
    ("CIFAR-10", "conv_draw_cifar10_006", "GECO, κ = 0.06", " --tolerance 0.06"),
    ("CIFAR-10", "conv_draw_cifar10_008", "GECO, κ = 0.08", " --tolerance 0.08"),
    ("CIFAR-10", "conv_draw_cifar10", "GECO, κ = 0.1", ""),
    ("CIFAR-10", "conv_draw_cifar10_0125", "GECO, κ = 0.125", " --tolerance 0.125"),
    ("CIFAR-10", "conv_draw_cifar10_0175", "GECO, κ = 0.175", " --tolerance 0.175"),
    ("CIFAR-10", "conv_draw_cifar10_elbo", "ELBO", " --objective elbo"),
)
_RECIPES = {"digits 16×16": "digits", "MNIST": "mnist", "CIFAR-10": "cifar10"}


def _numbers(run):
    """The cells of rmse, rmse / κ, rate, λ·2κ²/D, bits, steps and minutes, and the commit."""
    rmse, has_tolerance = run.test["rmse"], run.tolerance is not None
    return [
        f"{rmse:.4f}",
        f"{rmse / run.tolerance:.3f}" if has_tolerance else "",
        f"{run.test['rate']:.1f}",
        f"{run.relative_multiplier:.3f}" if has_tolerance else "",
        f"{run.metrics['bits_per_dimension']['value']:.2f}",
        f"{run.metrics['steps']}, {run.metrics['training_seconds'] / 60:.1f}",
        run.commit,
    ]


_NUMBERS = (
    *("test rmse", "rmse / κ", "rate, nats an image", "λ·2κ²/D", "bits a dimension"),
    *("steps, minutes", "commit", "command"),
)


def _tolerances():
    rows = []
    for data, name, objective, options in _TOLERANCES:
        recipe = options if "/" in options else f"conv_draw_{_RECIPES[data]}{options}"
        command = f"`… {recipe}`" if rows else f"`vae-zoo train {recipe}` (what `make demo` runs)"
        rows.append([data, objective, *_numbers(read_run(name)), command])
    return table(("data", "objective", *_NUMBERS), rows)


def _color_mnist():
    rows = []
    for tolerance in (0.06, 0.08, 0.1, 0.125, 0.175):
        option = "" if tolerance == 0.1 else f" --tolerance {tolerance:g}"
        run = read_run(f"nvp_vae_color_mnist_geco_{tolerance:g}")
        rows.append([f"GECO, κ = {tolerance:g}", *_numbers(run), f"`{_NVP}{option}`"])
    run = read_run("nvp_vae_color_mnist_elbo")
    rows.append(["ELBO", *_numbers(run), f"`{_NVP} --objective elbo`"])
    return table(("objective", *_NUMBERS), rows)


def _classifiers():
    classes = {"mnist": range(10), "cifar10": CLASS_NAMES}
    rows = []
    for data, title in (("mnist", "MNIST"), ("cifar10", "CIFAR-10")):
        metrics = read_run(f"classifier_{data}").metrics
        accuracies = metrics["accuracy_of_each_class"]
        worst = min(range(10), key=accuracies.__getitem__)
        rows.append(
            [
                title,
                f"{metrics['test']['accuracy']:.2%}",
                f"{accuracies[worst]:.2%} ({classes[data][worst]})",
                f"{metrics['test']['probability_of_true_class']:.4f}",
                f"{metrics['parameters']:,}",
                f"{metrics['steps']}, {metrics['training_seconds'] / 60:.1f}",
                f"`vae-zoo train classifier_{data}`",
            ]
        )
    header = ("data", "test accuracy", "of the worst class", "probability of the true class")
    return table((*header, "parameters", "steps, minutes", "command"), rows)


_CONSTRAINTS = (
    ("conv_draw_mnist_features", "FRE of 4×4 patches, κ = 0.05", ""),
    ("conv_draw_mnist_patches", "pNCC, κ = 0.8", ""),
    ("conv_vae_mnist_classes", "CLA, κ = 0.9", ""),
    ("conv_vae_mnist_classes_095", "CLA, κ = 0.95", " --tolerance 0.95"),
    ("conv_vae_mnist_classes_097", "CLA, κ = 0.97", " --tolerance 0.97"),
    ("conv_draw_mnist_error_and_classes", "RE 0.15 and CLA 0.95", ""),
)


def _constraints():
    rows = []
    for name, constraint, options in _CONSTRAINTS:
        run = read_run(name)
        recipe = name.removesuffix("_095").removesuffix("_097")
        multipliers = " and ".join(f"{value:.0f}" for value in run.metrics["multipliers"].values())
        rows.append(
            [
                run.recipe["architecture"]["class_name"],
                constraint,
                _reached_values(run),
                f"{run.test['rate']:.1f}",
                f"{run.test['rmse']:.3f}",
                multipliers,
                f"{run.metrics['training_seconds'] / 60:.1f}",
                f"`{'…' if rows else 'vae-zoo train'} {recipe}{options}`",
            ]
        )
    header = ("model", "constraint", "reached", "rate, nats", "rmse", "λ at the end", "minutes")
    return table((*header, "command"), rows)


def _reached_values(run):
    """What each constraint's value became, in the unit of its tolerance."""
    tolerances, test = run.metrics["tolerances"], run.test
    if "ReconstructionError" in tolerances:
        probability = _bound_from_below(run, "classification_accuracy", "ClassificationAccuracy")
        return f"{test['rmse']:.4f} and {probability:.3f}"
    if "FeatureReconstructionError" in tolerances:
        violation = test["feature_reconstruction_error_violation"]
        return f"{(tolerances['FeatureReconstructionError'] ** 2 + violation) ** 0.5:.4f}"
    (kind,) = tolerances
    name = {"ClassificationAccuracy": "classification_accuracy"}.get(kind, "patch_correlation")
    return f"{_bound_from_below(run, name, kind):.4f}"


def _bound_from_below(run, name, kind):
    return run.metrics["tolerances"][kind] - run.test[f"{name}_violation"]


def _info_vae():
    runs = (
        ("elbo", "ELBO"),
        ("mmd", "InfoVAE, MMD, λ = 1000"),
        ("stein", "InfoVAE, Stein, λ = 20"),
        ("stein_1000", "InfoVAE, Stein, λ = 1000 (networks with ReLU, earlier)"),
        ("adversarial", "InfoVAE, adversarial, λ = 10"),
    )
    rows = []
    for name, label in runs:
        run = read_run(f"info_vae_mnist_{name}")
        posterior = run.measures["aggregate_posterior"]
        rows.append(
            [
                label,
                f"{posterior['mmd']:.4f}",
                f"{posterior['log_determinant']:.2f}",
                f"{run.test['rate']:.1f}",
                f"{run.test['rmse']:.4f}",
                f"{run.metrics['bits_per_dimension']['value']:.3f}",
            ]
        )
    header = ("objective", "MMD²(q(z), p(z))", "log det cov q(z)", "rate, nats", "test rmse")
    return table((*header, "bits a dimension"), rows, texts=1)


def _conditional():
    rows = []
    for name, title in (("sum", "MNIST-sum"), ("rotate", "MNIST-rotate")):
        run = read_run(f"conv_draw_mnist_{name}")
        warm = run.measures["generated_accuracy"]
        cooler = run.measures["measures_by_temperature"]
        shares = [warm, *(cooler[f"temperature_{t}"] for t in ("0.7", "0.5", "0"))]
        percents = [share["accuracy"] for share in shares]
        percents += [warm[k] for k in ("accuracy_for_another_context", "chance")]
        percents.append(warm["accuracy_of_data"])
        numbers = [f"{run.test['rmse']:.4f}", f"{run.test['rate']:.1f}"]
        rows.append([title, *numbers, *(f"{share:.1%}" for share in percents)])
    header = ("", "test rmse", "rate, nats", "T = 1", "T = 0.7", "T = 0.5", "T = 0")
    header += ("another context", "chance", "real digits")
    return table(header, rows, texts=1)


def _sequential():
    rows = []
    for name, title in (("cifar10", "CIFAR-10"), ("mnist", "MNIST"), ("digits", "digits")):
        steps = read_run(f"sequential_vae_{name}").measures["chain_steps"]
        for key, label in _CHAIN.items():
            cells = [f"{steps[f'step_{step}_{key}']:.4f}" for step in (1, 2, 3, 4, 8)]
            data = "" if key == "rmse" else f"{steps['data_sharpness']:.4f}"
            rows.append([f"{title}, {label}", *cells, data])
    return table(("", "step 1", "2", "3", "4", "8", "data"), rows, texts=1)


_PHOTOGRAPHS = {
    "plain": ("as they are", "--no-flip --shift 0"),
    "augmented": ("mirrored and moved (the default)", ""),
    "patches": ("cut into patches, mirrored and moved", "--fit patches"),
}


def _photographs():
    rows = []
    for name, (label, options) in _PHOTOGRAPHS.items():
        run = read_run(f"own_photographs_{name}")
        last = run.history()[-1]
        errors = (last["rmse"], last["val_rmse"], run.test["rmse"])
        images = run.recipe["made_with"]["data"]["images"]
        rows.append(
            [
                label,
                ", ".join(f"{images[split]:,}" for split in ("train", "validation", "test")),
                *(f"{error:.4f}" for error in errors),
                f"{run.test['rate']:.1f}",
                f"`{options}`" if options else "",
            ]
        )
    header = ("photographs", "images of each split", "training rmse", "validation", "test")
    return table((*header, "rate, nats", "options"), rows, texts=(0, 6))


def _any_tolerance():
    models = read_benchmark("any_tolerance")["models"]
    rows = []
    for model in models:
        label = f"seed {model['seed']}, {model['steps']:,} steps"
        points = model["points"]
        shares = [f"{point['rmse'] / point['tolerance']:.3f}" for point in points]
        rows.append([f"{label}: rmse / κ", *shares])
        rows.append(["rate, nats", *(f"{point['rate']:.1f}" for point in points)])
        rows.append(["over a single model's", *(f"{p['ratio_at_one_error']:.3f}" for p in points)])
    header = ("", *(f"κ = {point['tolerance']:g}" for point in models[0]["points"]))
    return table(header, rows, texts=1)


_CHAIN = {
    "rmse": "rmse",
    "sharpness": "sharpness of reconstructions",
    "sample_sharpness": "sharpness of samples",
}
TABLES = {
    "tolerances": _tolerances,
    "any-tolerance": _any_tolerance,
    "color-mnist": _color_mnist,
    "classifiers": _classifiers,
    "constraints": _constraints,
    "info-vae": _info_vae,
    "conditional": _conditional,
    "sequential": _sequential,
    "photographs": _photographs,
}
