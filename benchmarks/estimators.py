"""The measures of `training.evaluation` and the theory of "Taming VAEs" beside closed forms.

    python -m benchmarks.estimators           # some five minutes of two cores
    python -m benchmarks.estimators --quick   # few samples, nothing written
    python -m benchmarks.estimators --only 'exact likelihood'  # one of them, the others stay

The model is linear and Gaussian, x = b + W z + noise, so that every measure is known. Its encoder
is the exact posterior, whose aggregate is the prior; or one that is moved and stretched, whose
aggregate is another normal, at a known distance from the prior. The average KL is computed on
paper, the marginal KL by density ratio and the mutual information by mixture: three ways that know
nothing of each other and must satisfy average KL = marginal KL + mutual information.

Estimates of log p(x) are measured beside the exact likelihood of a piecewise affine decoder, too.
"""

import argparse
import json
import pathlib

import numpy as np
import scipy.spatial
import scipy.stats

from tests.training.evaluation.linear_model import LinearModel
from tests.zoo.models.piecewise_affine import arcs
from training.evaluation import annealed_importance_sampling, marginal_kl, mutual_information
from training.reproduction.theory import fixed_points, lipschitz, partition, point_sets, tiles

NUMBERS = pathlib.Path(__file__).parent / "results" / "estimators.json"
# Signal over noise small enough that I(x; z) is below 2 nats.
FAINT = (0.15, 0.1)
CLEAR = (1.0,) * 10


def main():
    """Measures, prints, and keeps the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few samples, nothing written")
    parser.add_argument("--only", choices=MEASURES, help="one measure, by name")
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(MEASURES)
    numbers = {}
    for name in chosen:
        numbers[name] = MEASURES[name](arguments.quick)
        print(name)
        for label, value in numbers[name].items():
            print(f"  {label}: {value:.5g}")
    if not arguments.quick:
        numbers = (json.loads(NUMBERS.read_text()) if arguments.only else {}) | numbers
        NUMBERS.write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")


def three_ways(stretch, shift, quick):
    """Average KL, marginal KL and mutual information, found and due; all in nats."""
    linear = LinearModel(gains=FAINT)
    linear.move_posterior(stretch, shift)
    num = 1000 if quick else 20_000
    data = linear.data(num)
    average = linear.average_kl(data)
    found = marginal_kl.measure(linear.model, data, num_images=min(num, 4000))
    total = found["by_density_ratio"] + found["mutual_information"]
    return {
        "average KL, on paper": average,
        "marginal KL, by density ratio": found["by_density_ratio"],
        "marginal KL, due": linear.marginal_kl(),
        "mutual information, by mixture": found["mutual_information"],
        "mutual information, due": linear.mutual_information(),
        "relative gap of the sum": total / average - 1.0,
    }


def information_at_its_cap(_):
    """Where posteriors are far apart the mixture finds log N, whatever the information is."""
    linear = LinearModel(gains=CLEAR)
    found = mutual_information.measure(linear.model, linear.data(1000), num_images=1000)
    return {
        "mutual information, by mixture": found["mutual_information"],
        "log N": found["log_num_images"],
        "mutual information, due": -np.log(linear.posterior_scale).sum(),
    }


def ratio_in_ten_dimensions(quick):
    """KL between two normals in ten dimensions, by density ratio."""
    generator = np.random.default_rng(0)
    shift, scale = np.linspace(0.0, 0.9, 10), np.linspace(0.7, 1.2, 10)
    num = 2000 if quick else 60_000

    def draw():
        return shift + scale * generator.standard_normal((num, 10))

    prior = generator.standard_normal((num, 10))
    logits = marginal_kl.density_ratio(draw(), prior, draw(), steps=500 if quick else 4000)
    due = float((0.5 * (shift**2 + scale**2 - 1.0) - np.log(scale)).sum())
    return {"found": logits.mean(), "due": due, "relative error": logits.mean() / due - 1.0}


def annealing(quick):
    """Log p(x) of a linear model by annealed importance sampling; nats an image."""
    linear = LinearModel()
    levels = linear.data(200).arrays("test")["image"]
    # Where no pixel is clipped, so that a level is a cell of the density.
    levels = levels[(levels > 3).all(axis=(1, 2, 3)) & (levels < 252).all(axis=(1, 2, 3))]
    levels = levels[: 10 if quick else 100]
    found, accepted = annealed_importance_sampling.log_prob(
        linear.model, levels, num_chains=16, num_temperatures=100
    )
    images = levels.reshape(len(levels), 16) / 255.0
    density = scipy.stats.multivariate_normal(linear.bias, linear.covariance)
    due = density.logpdf(images) - 16 * np.log(255.0)
    return {
        "images": len(levels),
        "mean error": (found - due).mean(),
        "largest error": np.abs(found - due).max(),
        "share accepted": accepted,
    }


def beside_exact_likelihood(quick):
    """How far estimates of log p(x) lie below it, nats an image; the posterior is too wide."""
    model, images, _ = arcs.fitted_to_arc()
    levels, exact = arcs.levels_of(model, images[: 16 if quick else 100])
    vae = arcs.approximate_vae(model)
    gaps = {"images": len(levels)}
    for num in (1, 16) if quick else (1, 4, 16, 64, 256, 1024):
        bound = vae.log_prob(levels, num_samples=num, seed=4)
        gaps[f"importance-weighted bound, {num} samples"] = np.mean(exact - bound)
    for chains, temperatures in ((8, 60),) if quick else ((8, 60), (16, 250)):
        found, _ = annealed_importance_sampling.log_prob(vae, levels, chains, temperatures)
        label = f"annealed importance sampling, {chains} chains of {temperatures}"
        gaps[label] = np.mean(exact - found)
    return {name: float(gap) for name, gap in gaps.items()}


def split_of_two_points(quick):
    """The temperature at which two points at ±a merge, over a²."""
    half = 0.5
    points = np.array([[-half, 0.0], [half, 0.0]], np.float32)
    ratios = np.linspace(0.95, 1.05, 11)
    steps = 2000 if quick else 40_000
    found = fixed_points.solve(
        points,
        half**2 * ratios,
        tiles.initial_reconstructions(6),
        max_steps=steps,
        tolerance=1e-7,
    )
    is_split = np.ptp(found.reconstructions[..., 0], axis=1) > 0.02
    return {
        "largest β/a² that is split": ratios[is_split].max(),
        "smallest β/a² that is merged": ratios[~is_split].min(),
    }


def partition_when_cold(quick):
    """How the tiles divide among five points as β → 0, beside equal shares."""
    points = np.array([[-0.6, -0.6], [0.6, -0.6], [0.0, 0.7], [0.1, 0.1], [0.7, 0.5]], np.float32)
    beta = 1e-4
    start = tiles.initial_reconstructions(16 if quick else 32)
    found = fixed_points.solve(points, [beta], start, max_steps=2000)
    parts = partition.partition(points, found.reconstructions[0], beta)
    values = {f"mass of point {i}": mass for i, mass in enumerate(parts.masses)}
    return values | {
        "equal mass": 1.0 / len(points),
        "mean KL": parts.divergences.mean(),
        "KL of equal masses": parts.equiprobable_divergence,
    }


def distance_outside_the_hull(_):
    """How far the farthest reconstruction vector lies outside the data's convex hull."""
    points = point_sets.circles(200)
    betas = np.geomspace(1e-4, 1.0, 20)
    start = 0.2 * tiles.initial_reconstructions(16)  # From within, for a share of it is kept.
    found = fixed_points.solve(points, betas, start)
    hull = scipy.spatial.ConvexHull(points)
    outside = found.reconstructions @ hull.equations[:, :2].T + hull.equations[:, 2]
    return {"largest distance outside": outside.max()}


def largest_lipschitz_ratio(_):
    """The steepest of all pairs of tiles before and after, over the constant."""
    centers, constant = tiles.tile_centers(16), 0.7
    wild = np.random.default_rng(0).standard_normal((1, 256, 2)).astype("f4")
    tamed = lipschitz.constraint(centers, constant)(wild).numpy()
    distances = scipy.spatial.distance.pdist(centers)
    ratios = [
        (scipy.spatial.distance.pdist(values[0]) / distances).max() / constant
        for values in (wild, tamed)
    ]
    return {"before": ratios[0], "after": ratios[1], "pairs": len(distances)}


MEASURES = {
    "three ways, exact posterior": lambda quick: three_ways(1.0, 0.0, quick),
    "three ways, stretched posterior": lambda quick: three_ways(1.5, 0.4, quick),
    "log N cap": information_at_its_cap,
    "density ratio, 10 dimensions": ratio_in_ten_dimensions,
    "annealed importance sampling": annealing,
    "exact likelihood": beside_exact_likelihood,
    "split of two points": split_of_two_points,
    "partition as β → 0": partition_when_cold,
    "convex hull": distance_outside_the_hull,
    "Lipschitz constraint": largest_lipschitz_ratio,
}


if __name__ == "__main__":
    main()
