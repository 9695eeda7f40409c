"""Taming VAEs, Table 2: the marginal KL of VAE+NVP under the ELBO and under GECO."""

import math
import statistics

from training.figures.plots import saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target
from training.reproduction.targets.shared_runs import (
    NUM_SEEDS,
    run_to_the_same_error,
    seed_suffix,
)

__all__ = ["TARGET"]

_SYSTEMS = {"nvp_vae_color_mnist": "Color-MNIST", "nvp_vae_cifar10": "CIFAR-10"}
# The paper says only that its error was "acceptable"; these are two of Figure 4's tolerances.
_TOLERANCES = (0.1, 0.175)
_LABELS = {"elbo": "ELBO", "same_error": "GECO, the ELBO's error"}
_LABELS |= {f"geco_{tolerance:g}": f"GECO, {tolerance:g}" for tolerance in _TOLERANCES}
_TITLE = "Table 2: KL of VAE+NVP to its prior, mean and each seed (test split)"
_LEAST_FACTOR = 1.1  # Less is no difference.
_LARGE_FACTOR = 8.0  # Half of the paper's.
_SAME = 0.05  # A relative difference of two errors below this is none.
# The density ratio's q(z) averages at most 60 times as many posteriors as the mixture's, so that
# its KL to the prior is at most so many nats less; an estimate below that is wrong.
_LARGER_SET = math.log(60.0)
_MEASURES = ("quantized_likelihood", "marginal_kl")
_COLUMNS = {
    "average_kl": "average",
    "by_mixture": "marginal, mixture",
    "by_density_ratio": "marginal, density ratio",
}
_RATIO = "by_density_ratio"
_ESTIMATORS = {"by_mixture": "by mixture", _RATIO: "by density ratio"}
_PAPER = {
    "CIFAR-10, ELBO": 725.2,
    "CIFAR-10, GECO": 45.3,
    "Color-MNIST, ELBO": 182.5,
    "Color-MNIST, GECO": 10.3,
}


def _runs(scale):
    runs = []
    for seed in range(NUM_SEEDS[scale]):
        for system in list(_SYSTEMS)[: 1 if scale == "smoke" else None]:
            runs += _runs_of(system, scale, seed)
    return runs


def _runs_of(system, scale, seed):
    elbo = _run_name(system, "elbo", seed)
    recipe = scaled(system, scale, elbo, objective="elbo", seed=seed)
    runs = [Run(elbo, recipe, _MEASURES)]
    for tolerance in _TOLERANCES[: 1 if scale == "smoke" else None]:
        name = _run_name(system, f"geco_{tolerance:g}", seed)
        recipe = scaled(system, scale, name, objective="geco", tolerance=tolerance, seed=seed)
        runs.append(Run(name, recipe, _MEASURES))
    name = _run_name(system, "same_error", seed)
    runs.append(run_to_the_same_error(system, scale, elbo, name, _MEASURES, seed))
    return runs


def _run_name(system, variant, seed):
    return f"{system}_{variant}{seed_suffix(seed)}"


def _measure(finished):
    rows = {}
    for system, data_name in _SYSTEMS.items():
        of_data = {
            label: _by_seed(finished.results, system, variant) for variant, label in _LABELS.items()
        }
        if any(of_data.values()):
            rows[data_name] = {label: seeds for label, seeds in of_data.items() if seeds}
    if not rows:
        return None
    columns = {name: _as_columns(of_data) for name, of_data in rows.items()}
    factors = {f"ELBO's over it, {name}": _factors(of_data) for name, of_data in rows.items()}
    factors = {name: found for name, found in factors.items() if found}
    return {"rows": columns, "factors": factors}, {}


def _by_seed(results, system, variant):
    """Numbers of each finished seed, a dict by seed."""
    rows = {}
    for seed in range(max(NUM_SEEDS.values())):
        result = results.get(_run_name(system, variant, seed))
        if result is not None:
            error = {"rmse": result.metrics["test"]["rmse"]}
            rows[seed] = result.measures["marginal_kl"] | error
    return rows


def _as_columns(rows):
    """Lists of each column's numbers, seed by seed."""
    return {
        label: {name: [row[name] for row in seeds.values()] for name in next(iter(seeds.values()))}
        for label, seeds in rows.items()
    }


def _factors(rows):
    """How many times each other's KL the ELBO's is, by estimator and seed: below 1 if less.

    It is None where the density ratio sees no KL at all.
    """
    factors = {}
    for label, seeds in rows.items():
        pairs = [
            (rows["ELBO"][seed], row)
            for seed, row in seeds.items()
            if label != "ELBO" and seed in rows.get("ELBO", {})
        ]
        if pairs:
            factors[label] = {
                column: [
                    elbo[column] / row[column] if row[column] > 0 else None for elbo, row in pairs
                ]
                for column in _COLUMNS
            }
    return factors


def _draw(numbers, arrays, path):
    del arrays
    rows = numbers["rows"]
    size = {"figsize": (5.6 * len(rows), 4.1), "squeeze": False}
    with saved(path, 1, len(rows), title=_TITLE, **size) as (figure, (axes,)):
        for axis, (data_name, of_data) in zip(axes, rows.items(), strict=True):
            for offset, (column, label) in enumerate(_COLUMNS.items()):
                places = [index + 0.25 * (offset - 1) for index in range(len(of_data))]
                means = [statistics.mean(row[column]) for row in of_data.values()]
                axis.bar(places, means, 0.25, label=label)
                for place, row in zip(places, of_data.values(), strict=True):
                    axis.plot([place] * len(row[column]), row[column], "k_")
            errors = [statistics.mean(row["rmse"]) for row in of_data.values()]
            names = [
                label.replace(", ", "\n") + f"\nrmse {error:.3f}"
                for label, error in zip(of_data, errors, strict=True)
            ]
            axis.set_xticks(range(len(names)), names)
            axis.set(title=data_name, ylabel="KL to the prior (nats)")
            axis.grid(False, axis="x")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _verdict(numbers):
    if not numbers["factors"]:
        return "no pair is finished."
    parts, factors = [], []
    for data_name, rows in numbers["rows"].items():
        for label, factor in numbers["factors"].get(f"ELBO's over it, {data_name}", {}).items():
            has_ratio = _is_usable(rows["ELBO"]) and _is_usable(rows[label])
            used = _ESTIMATORS if has_ratio else {"by_mixture": "by mixture"}
            found = ", ".join(f"{_span(factor[column])} {text}" for column, text in used.items())
            parts.append(
                f"{data_name}, {label} (rmse {_span(rows[label]['rmse'], 3)}, the ELBO's "
                f"{_span(rows['ELBO']['rmse'], 3)}): {found}"
            )
            # A KL that is less because the error is larger is another matter than the claim's.
            if _is_same_error(rows["ELBO"], rows[label]):
                values = [value for column in used for value in factor[column]]
                factors.append(min((v for v in values if v is not None), default=math.inf))
    return (
        f"{_word(factors)}. From the ELBO to GECO the marginal KL falls by {'; '.join(parts)} (the "
        f"paper: 16 and 18 times).{_unusable(numbers)}"
    )


def _word(factors):
    """Judges the least factors of the pairs whose errors are alike."""
    if not factors:
        return "no verdict: no pair has one error"
    if min(factors) > _LARGE_FACTOR:
        return "agrees"
    if min(factors) > _LEAST_FACTOR:
        return "agrees in direction, not in size, where the errors are alike"
    if max(factors) > _LEAST_FACTOR:
        return "agrees in part, and not in size, where the errors are alike"
    return "disagrees, where the errors are alike"


def _is_usable(row):
    """Whether the density ratio is as large as it must be, for every seed."""
    pairs = zip(row[_RATIO], row["by_mixture"], strict=True)
    return all(ratio > mixture - _LARGER_SET for ratio, mixture in pairs)


def _is_same_error(row, other_row):
    ratio = statistics.mean(other_row["rmse"]) / statistics.mean(row["rmse"])
    return abs(ratio - 1.0) < _SAME


def _span(values, digits=2):
    """The least and the largest value of the seeds, or the only one."""
    if None in values:
        return "more than can be measured"
    least, largest = (f"{end:.{digits}f}" for end in (min(values), max(values)))
    return least if least == largest else f"{least} to {largest}"


def _unusable(numbers):
    """Names the rows whose density ratio cannot be right."""
    names = [
        f"{data_name}, {label}"
        for data_name, rows in numbers["rows"].items()
        for label, row in rows.items()
        if not _is_usable(row)
    ]
    if not names:
        return ""
    if len(names) == sum(map(len, numbers["rows"].values())):
        names = ["any of them"]
    return f" The density ratio is less than the KL can be, and left out, for {', '.join(names)}."


TARGET = Target(
    name="table-2",
    source="Taming VAEs, Table 2",
    claim="GECO lowers the marginal KL of VAE+NVP, 16 times on CIFAR-10 and 18 times on "
    "Color-MNIST.",
    paper_numbers=_PAPER,
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
    remark="The paper says of its errors only that they were acceptable, and not which scale its "
    "ELBO had. Ours has the running σ*: at one error both objectives weigh it alike, and little is "
    "left to gain; at a larger tolerance the factor is as large as the user makes it. Where "
    "posteriors of different images do not overlap, the mixture's KL is the average KL less log N, "
    "a few nats off at most, and the density ratio, of two sets that are told apart with ease, far "
    "too small.",
)
