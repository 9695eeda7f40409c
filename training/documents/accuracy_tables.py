"""Tables of how exact things are: estimators, divergences, rows in a server's batches."""

import itertools
import math

from training.documents.markers import table
from training.documents.runs import read_benchmark

__all__ = ["TABLES"]


def _estimators():
    found = read_benchmark("estimators")
    cap, ratio = found["log N cap"], found["density ratio, 10 dimensions"]
    annealed, two = found["annealed importance sampling"], found["split of two points"]
    parts = found["partition as β → 0"]
    masses = ", ".join(f"{v:.3f}" for name, v in parts.items() if name.startswith("mass of"))
    steepest = found["Lipschitz constraint"]
    outside = found["convex hull"]["largest distance outside"]
    rows = [
        *_three_ways("exact posterior", found["three ways, exact posterior"]),
        *_three_ways("stretched posterior", found["three ways, stretched posterior"]),
        [
            "mutual information by mixture of 1000, where it is "
            f"{cap['mutual information, due']:.1f} nats",
            f"{cap['mutual information, by mixture']:.3f}",
            f"log 1000 = {cap['log N']:.3f}",
            "the cap, shown",
        ],
        [
            "KL between normals in 10 dimensions, by density ratio",
            f"{ratio['found']:.3f}",
            f"{ratio['due']:.3f}",
            f"within 5% ({ratio['relative error']:.1%})",
        ],
        [
            f"log p(x) by annealed importance sampling, mean error of {annealed['images']} images",
            f"{annealed['mean error']:.3f} nats (largest {annealed['largest error']:.2f})",
            "0",
            "within 0.1",
        ],
        *_beside_exact_likelihood(found["exact likelihood"]),
        [
            "two points at ±a: split up to β/a², merged from",
            ", ".join(f"{value:.2f}" for value in two.values()),
            "1",
            "within 2%",
        ],
        ["partition of 1024 tiles among 5 points as β → 0: masses", masses, "", ""],
        [
            "its mean KL, beside that of equal masses",
            f"{parts['mean KL']:.3f} nats",
            f"{parts['KL of equal masses']:.3f}",
            "",
        ],
        [
            "fixed points of 200 points, 20 temperatures: farthest outside the convex hull",
            f"{abs(outside):.3f} {'outside' if outside > 0 else 'inside'}",
            "none outside",
            "",
        ],
        [
            f"steepest of {steepest['pairs']:,} pairs over the Lipschitz constant, before and "
            "after projection",
            f"{steepest['before']:.1f}, {steepest['after']:.3f}",
            "at most 1",
            "",
        ],
    ]
    return table(("what", "found", "due", "asked"), rows)


def _beside_exact_likelihood(gaps):
    """Rows of how far estimates lie below a likelihood that is exact, by their samples."""
    what = f"piecewise affine decoder, exact log p(x) of {gaps['images']:.0f} images less the mean "
    bound = "importance-weighted bound, "
    bounds = {
        name.removeprefix(bound).removesuffix(" samples"): gap
        for name, gap in gaps.items()
        if name.startswith(bound)
    }
    samples, found = ", ".join(bounds), ", ".join(f"{gap:.3f}" for gap in bounds.values())
    rows = [[f"{what}bound of {samples} importance samples", f"{found} nats", "0", "from below"]]
    rows += [
        [f"the same, {name}", f"{gap:.3f} nats", "0", "from below"]
        for name, gap in gaps.items()
        if name.startswith("annealed")
    ]
    return rows


def _exact_denoiser():
    header = ("data", "network's", "exact denoiser's", "excess", "samples off the set", "by exact")
    rows = [
        [
            name,
            f"{row['network']:.5f}",
            f"{row['exact']:.5f}",
            f"{row['excess']:.5f} ± {row['excess_standard_error']:.5f}",
            f"{row['network_off_manifold_share']:.0%}",
            f"{row['exact_off_manifold_share']:.0%}",
        ]
        for name, row in read_benchmark("exact_denoiser").items()
    ]
    return table(header, rows, texts=1)


def _three_ways(label, found):
    information = [found[f"mutual information, {how}"] for how in ("by mixture", "due")]
    marginal = [found[f"marginal KL, {how}"] for how in ("by density ratio", "due")]
    return [
        [f"{label}: average KL, on paper", f"{found['average KL, on paper']:.4f} nats", "", ""],
        ["marginal KL, by density ratio", *(_rounded(value, 4) for value in marginal), ""],
        ["mutual information, by mixture of 4000", *(f"{v:.4f}" for v in information), ""],
        [
            "their sum over the average KL",
            f"{1.0 + found['relative gap of the sum']:.3f}",
            "1",
            "within 3%",
        ],
    ]


def _divergences():
    found = {
        (row["divergence"], row["dimension"], row["scale"]): row
        for row in read_benchmark("divergences")["rows"]
    }
    rows = []
    names, dimensions = (dict.fromkeys(key[i] for key in found) for i in (0, 1))
    for name, dimension in itertools.product(names, dimensions):
        half, near = (found[name, dimension, scale] for scale in (0.5, 0.8))
        shift = half["shift_over_null_std"]
        rows.append(
            [
                name,
                str(dimension),
                *(f"{_spread(row)} ({_decimals(row, row['reference'])})" for row in (half, near)),
                _spread(half, "null_"),
                "" if shift is None else f"{shift:.1f}",
            ]
        )
    header = ("divergence", "d", "s = 0.5: value (reference)", "s = 0.8: value (reference)")
    header += ("null", "shift of s = 0.5, null spreads")
    return table(header, rows, texts=1)


def _spread(row, prefix=""):
    """A mean and its spread, to two digits of the spread."""
    return " ± ".join(_decimals(row, row[prefix + part], prefix) for part in ("mean", "std"))


def _decimals(row, value, prefix=""):
    return _rounded(value, max(1 - math.floor(math.log10(row[f"{prefix}std"])), 0))


def _rounded(value, digits):
    return f"{round(value, digits) + 0.0:.{digits}f}"  # No minus before a nought.


def _row_grouping():
    rows = []
    for name, signatures in read_benchmark("row_grouping")["models"].items():
        largest = max(found["largest_difference"] for found in signatures.values())
        drawn, changed = (
            sum(found[key] for found in signatures.values())
            for key in ("drawn_pixels", "drawn_pixels_changed")
        )
        label = f"`{name}`" if name[0].islower() else name.replace("_", ", ")
        drawn = f"{drawn:,}, {changed} changed" if drawn else ""
        rows.append((largest, [label, f"{largest:.1e}" if largest else "0", drawn]))
    header = ("model", "largest difference, share of the largest magnitude", "drawn values")
    rows = [row for _, row in sorted(rows, reverse=True)]
    return table(header, rows, texts=1)


TABLES = {
    "estimators": _estimators,
    "exact-denoiser": _exact_denoiser,
    "divergences": _divergences,
    "row-grouping": _row_grouping,
}
