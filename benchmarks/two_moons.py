"""A conditional real NVP fitted to two moons, whose angle is the condition.

    python -m benchmarks.two_moons            # some three minutes of one core
    python -m benchmarks.two_moons --quick    # few steps, nothing written

The density is known: two interleaved half circles, each a row of 64 normals, the whole turned
about the origin by the angle c that the flow sees as (cos c, sin c). It stands for a posterior
that no normal comes near to. The flow learns by maximum likelihood, from samples at random angles.
Its KL divergence from the truth, in nats, is then the integral of p (log p - log q) on a grid, at
16 angles; beside it stands that of the best normal. The picture shows both densities at 4 angles.
A flow is continuous, so it cannot tear its normal into two: a thin bridge joins the moons.
"""

import argparse
import json
import pathlib
import time

import keras
import matplotlib

matplotlib.use("Agg")

import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from training.figures.stamps import stamp
from zoo.distributions import RealNVP

HERE = pathlib.Path(__file__).parent
NUMBERS = HERE / "results" / "two_moons.json"
PICTURE = HERE.parent / "docs" / "images" / "two_moons.png"
NOISE = 0.1  # Standard deviation of each normal; a moon's radius is 1.
NORMALS_A_MOON = 64
EXTENT, GRID = 2.5, 300  # The plane within ±EXTENT, cut into GRID x GRID cells.
NUM_ANGLES = 16
PICTURED = (0, 45, 90, 135)  # Degrees; the moons turned by 180 are the same.
BATCH_SIZE = 512


def moon_centers():
    """Returns the means of the normals, `[2 * NORMALS_A_MOON, 2]`."""
    t = np.pi * (np.arange(NORMALS_A_MOON) + 0.5) / NORMALS_A_MOON
    upper = np.stack([np.cos(t), np.sin(t)], axis=1) - [0.5, 0.25]
    return np.concatenate([upper, -upper])


def rotation(angles):
    """Returns the matrices `[..., 2, 2]` that turn a row vector by the angles."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.moveaxis(np.array([[cos, sin], [-sin, cos]]), (0, 1), (-2, -1))


def draw(rng, num):
    """Draws points of the turned moons and the angles: `[num, 2]` and `[num]`."""
    centers = moon_centers()[rng.integers(2 * NORMALS_A_MOON, size=num)]
    points = centers + NOISE * rng.normal(size=centers.shape)
    angles = rng.uniform(0.0, 2.0 * np.pi, size=num)
    return np.einsum("ni,nij->nj", points, rotation(angles)), angles


def log_density(points, angle):
    """Returns the moons' log-density in nats, `[N]`."""
    centers = moon_centers() @ rotation(angle)
    squared = ((points[:, None] - centers) ** 2).sum(axis=-1)
    logs = -0.5 * squared / NOISE**2 - np.log(2.0 * np.pi * NOISE**2)
    return np.logaddexp.reduce(logs, axis=1) - np.log(len(centers))


def as_condition(angles):
    """Returns what the flow sees of the angles, float32 `[N, 2]`."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def fit(num_steps):
    """Fits a flow to samples by maximum likelihood; gives it."""
    keras.utils.set_random_seed(0)
    flow = RealNVP(2, num_couplings=12, hidden_units=(128, 128), condition_dim=2)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, num_steps, alpha=1e-3)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(flow.trainable_weights)

    @tf.function(autograph=False)
    def step(points, condition):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(points, condition))
        weights = flow.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    rng = np.random.default_rng(0)
    for _ in range(num_steps):
        points, angles = draw(rng, BATCH_SIZE)
        step(tf.constant(points, tf.float32), tf.constant(as_condition(angles)))
    return flow


def cell_middles():
    """Returns the middles of the grid's cells, `[GRID * GRID, 2]`, and the area of one."""
    axis = EXTENT * ((2.0 * np.arange(GRID) + 1.0) / GRID - 1.0)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), (2.0 * EXTENT / GRID) ** 2


def flow_log_density(flow, points, angle):
    """Returns the flow's log-density in nats, `[N]`."""
    condition = as_condition(np.full(len(points), angle))
    return np.float64(flow.log_prob(np.float32(points), condition))


def measure(flow):
    """Compares the flow with the truth on a grid; returns a dict of figures in nats."""
    points, area = cell_middles()
    truth = log_density(points, 0.0)
    forward, backward, integrals = [], [], []
    # Half a step off the angles of a compass. The grid turns with the moons.
    for angle in 2.0 * np.pi * (np.arange(NUM_ANGLES) + 0.5) / NUM_ANGLES:
        fitted = flow_log_density(flow, points @ rotation(angle), angle)
        forward.append(area * np.sum(np.exp(truth) * (truth - fitted)))
        backward.append(area * np.sum(np.exp(fitted) * (fitted - truth)))
        integrals.append(area * np.sum(np.exp(fitted)))
    masses = area * np.exp(truth)
    covariance = (points * masses[:, None]).T @ points  # Their mean is 0.
    entropy_of_normal = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * covariance)[1]
    return {
        "kl_from_truth_mean": float(np.mean(forward)),
        "kl_from_truth_largest": float(np.max(forward)),
        "kl_to_truth_mean": float(np.mean(backward)),
        "kl_of_the_best_normal": float(entropy_of_normal + np.sum(masses * truth)),
        "integral_of_truth": float(np.sum(masses)),
        "integral_of_flow_least": float(np.min(integrals)),
        "integral_of_flow_largest": float(np.max(integrals)),
    }


def draw_picture(flow, path):
    """Draws true above fitted densities, a column an angle, in one scale of colours."""
    points, _ = cell_middles()
    figure, axes = plt.subplots(2, len(PICTURED), figsize=(7.2, 3.9), layout="constrained")
    for column, degrees in zip(axes.T, PICTURED, strict=True):
        angle = np.radians(degrees)
        truth = np.exp(log_density(points, angle)).reshape(GRID, GRID)
        fitted = np.exp(flow_log_density(flow, points, angle)).reshape(GRID, GRID)
        for axis, density in zip(column, (truth, fitted), strict=True):
            extent = (-EXTENT, EXTENT, -EXTENT, EXTENT)
            axis.imshow(density, "magma", vmin=0, vmax=truth.max(), origin="lower", extent=extent)
            axis.set(xticks=[], yticks=[])
        column[0].set_title(f"{degrees}°", fontsize=10)
    for axis, label in zip(axes[:, 0], ("true density", "real NVP"), strict=True):
        axis.set_ylabel(label, fontsize=10)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    """Fits, measures, prints, and writes the figures and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few steps, nothing written")
    parser.add_argument("--picture", type=pathlib.Path, help="where the picture goes")
    arguments = parser.parse_args()
    num_steps = 200 if arguments.quick else 10000
    start = time.perf_counter()
    flow = fit(num_steps)
    seconds = time.perf_counter() - start
    figures = measure(flow)
    print(f"{num_steps} steps in {seconds:.0f} s")
    print("\n".join(f"{name:<26}{value:9.4f}" for name, value in figures.items()))
    if arguments.picture or not arguments.quick:
        draw_picture(flow, arguments.picture or PICTURE)
    if not arguments.quick:
        settings = {"steps": num_steps, "batch_size": BATCH_SIZE, "angles": NUM_ANGLES}
        NUMBERS.write_text(json.dumps(settings | figures, indent=1) + "\n", encoding="utf-8")
        stamp(PICTURE, [NUMBERS])


if __name__ == "__main__":
    main()
