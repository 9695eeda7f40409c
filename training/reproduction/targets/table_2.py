"""Taming VAEs, Table 2: the marginal KL of VAE+NVP under the ELBO and under GECO."""

from training.reproduction.drawing import saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target
from training.reproduction.targets.same_error import run_to_the_same_error

__all__ = ["TARGET"]

_SYSTEMS = {"nvp_vae_color_mnist": "Color-MNIST", "nvp_vae_cifar10": "CIFAR-10"}
# The paper says only that its error was "acceptable"; these are two of Figure 4's tolerances.
_TOLERANCES = (0.1, 0.175)
_LABELS = {"elbo": "ELBO", "same_error": "GECO, the ELBO's error"}
_LABELS |= {f"geco_{tolerance:g}": f"GECO, {tolerance:g}" for tolerance in _TOLERANCES}
_LEAST_FACTOR = 1.1  # Less is no difference.
_MEASURES = ("quantized_likelihood", "marginal_kl")
_COLUMNS = {
    "average_kl": "average",
    "by_mixture": "marginal, mixture",
    "by_density_ratio": "marginal, density ratio",
}
_PAPER = {
    "CIFAR-10, ELBO": 725.2,
    "CIFAR-10, GECO": 45.3,
    "Color-MNIST, ELBO": 182.5,
    "Color-MNIST, GECO": 10.3,
}


def _runs(scale):
    runs = []
    for system in list(_SYSTEMS)[: 1 if scale == "smoke" else None]:
        elbo = f"{system}_elbo"
        runs.append(Run(elbo, scaled(system, scale, elbo, objective="elbo"), _MEASURES))
        for tolerance in _TOLERANCES:
            name = f"{system}_geco_{tolerance:g}"
            recipe = scaled(system, scale, name, objective="geco", tolerance=tolerance)
            runs.append(Run(name, recipe, _MEASURES))
        runs.append(run_to_the_same_error(system, scale, elbo, f"{system}_same_error", _MEASURES))
    return runs


def _draw(finished, path):
    rows = {}
    for system, data_name in _SYSTEMS.items():
        for suffix, label in _LABELS.items():
            result = finished.results.get(f"{system}_{suffix}")
            if result is not None:
                measured = result.measures["marginal_kl"]
                row = measured | {"rmse": result.metrics["test"]["rmse"]}
                rows.setdefault(data_name, {})[label] = row
    if not rows:
        return None
    _plot(rows, path)
    factors = {f"ELBO's over it, {name}": _factors(of_data) for name, of_data in rows.items()}
    return {"rows": rows, "factors": {name: values for name, values in factors.items() if values}}


def _factors(rows):
    """How many times each other's KL the ELBO's is, by estimator: below 1 where it is less."""
    if "ELBO" not in rows:
        return {}
    return {
        label: {column: rows["ELBO"][column] / row[column] for column in _COLUMNS}
        for label, row in rows.items()
        if label != "ELBO" and all(row[column] > 0 for column in _COLUMNS)
    }


def _plot(rows, path):
    size = {"figsize": (6 * len(rows), 3.8), "squeeze": False}
    with saved(path, 1, len(rows), **size) as (_, (axes,)):
        for axis, (data_name, of_data) in zip(axes, rows.items(), strict=True):
            for offset, (column, label) in enumerate(_COLUMNS.items()):
                places = [index + 0.25 * (offset - 1) for index in range(len(of_data))]
                axis.bar(places, [row[column] for row in of_data.values()], 0.25, label=label)
            names = [f"{label}\nrmse {row['rmse']:.3f}" for label, row in of_data.items()]
            axis.set_xticks(range(len(names)), names)
            axis.set(title=data_name, ylabel="KL to the prior (nats)")
            axis.legend()


def _verdict(numbers):
    if not numbers["factors"]:
        return "no pair is finished."
    parts, agrees = [], []
    for data_name, rows in numbers["rows"].items():
        factors = numbers["factors"].get(f"ELBO's over it, {data_name}", {})
        for label, factor in factors.items():
            parts.append(
                f"{data_name}, {label} (rmse {rows[label]['rmse']:.3f}, the ELBO's "
                f"{rows['ELBO']['rmse']:.3f}): {factor['by_mixture']:.2f} by mixture, "
                f"{factor['by_density_ratio']:.2f} by density ratio"
            )
            agrees.append(min(factor["by_mixture"], factor["by_density_ratio"]) > _LEAST_FACTOR)
    word = "agrees" if all(agrees) else "agrees in part" if any(agrees) else "disagrees"
    return (
        f"{word}: the marginal KL falls from the ELBO to GECO by {'; '.join(parts)}.{_cap(numbers)}"
    )


def _cap(numbers):
    """Says where the mixture knows only that the information is at least log N."""
    at_cap = [
        f"{data_name}, {label}"
        for data_name, rows in numbers["rows"].items()
        for label, row in rows.items()
        if row["mutual_information"] > row["log_num_images"] - 0.1
    ]
    if not at_cap:
        return ""
    return f" The mixture is at its cap, average KL less log N, for {', '.join(at_cap)}."


TARGET = Target(
    name="table-2",
    source="Taming VAEs, Table 2",
    claim="GECO lowers the marginal KL of VAE+NVP, 16 times on CIFAR-10 and 18 times on "
    "Color-MNIST.",
    paper_numbers=_PAPER,
    runs=_runs,
    draw=_draw,
    verdict=_verdict,
    remark="With thousands of steps of a small model the ELBO stops at an error that is far from "
    "small, so that a tolerance below it costs more nats, not fewer. The paper's ELBO is trained "
    "until its error is far below what GECO is asked for; its factors compare different errors. "
    "Where posteriors of different images do not overlap, neither estimator is near the truth: the "
    "mixture is the average KL less log N, and the density ratio too small.",
)
