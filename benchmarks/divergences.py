"""MMD, Stein and adversarial divergence between Gaussians of known distance.

    python -m benchmarks.divergences            # a minute or two on two cores
    python -m benchmarks.divergences --quick    # few repeats, nothing written

N(0, scale² I) stands for q(z) and N(0, I) for p(z), at 2, 20 and 64 dimensions. Each value is from
256 samples of either, as in a training step, and has beside it its reference and what the same
estimator says of two samples of N(0, I), its null value (mean and standard deviation over the
repeats). References are closed forms: Gaussian integrals of the kernels, and the KL in nats for
the adversarial divergence; for the inverse multiquadric kernel, the mean of three pairs of 4096
samples. The discriminator has learned for 1000 steps of 256 fresh samples and is then asked about
others.
"""

import argparse
import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

from tests.zoo.divergences import gaussians
from zoo.divergences import MMD, Adversarial, Stein
from zoo.divergences.kernels import Kernel

HERE = pathlib.Path(__file__).parent
DIMENSIONS = (2, 20, 64)
SCALES = (0.5, 0.8)
NUM_SAMPLES = 256
KERNELS = {
    "MMD, default": {},
    "MMD, 2d": {"bandwidth": "dimension"},
    "MMD, 2d, inverse multiquadric": {
        "bandwidth": "dimension",
        "kernel": "inverse_multiquadric",
    },
    "MMD, paper (d²), unbiased": {"bandwidth": "paper"},
    "MMD, paper (d²), biased": {"bandwidth": "paper", "estimator": "biased"},
}


def draw(rng, scale, dimension, num_samples=NUM_SAMPLES):
    """Returns samples of N(0, scale² I) and of N(0, I), each float32 `[num_samples, dimension]`."""
    samples, others = rng.normal(size=(2, num_samples, dimension)).astype(np.float32)
    return tf.constant(np.float32(scale) * samples), tf.constant(others)


def values_of(measure, scale, dimension, repeats, seed=0):
    """Returns the divergence's values over the repeats, `[repeats]`."""
    rng = np.random.default_rng(seed)
    compiled = tf.function(measure, autograph=False)
    return np.array([float(compiled(*draw(rng, scale, dimension))) for _ in range(repeats)])


def mmd_reference(settings, scale, dimension):
    """Returns MMD² of the distributions themselves (the unbiased estimator's mean)."""
    if settings.get("kernel"):
        rng = np.random.default_rng(1)
        pairs = [draw(rng, scale, dimension, 4096) for _ in range(3)]
        return float(np.mean([MMD(**settings)(*pair) for pair in pairs]))
    kernel = Kernel("rbf", settings.get("bandwidth", "multiscale"))
    return gaussians.mmd(scale, dimension, kernel.bandwidths(dimension))


def stein_reference(scale, dimension):
    """Returns the squared kernel Stein discrepancy of the distributions themselves."""
    return gaussians.stein(scale, dimension, Kernel("rbf", "multiscale").bandwidths(dimension))


def learned(scale, dimension, num_steps):
    """Returns an `Adversarial` that has learned to tell the two apart."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(2)
    divergence = Adversarial()
    divergence.create(dimension)
    step = tf.function(divergence.train, autograph=False)
    for _ in range(num_steps):
        step(*draw(rng, scale, dimension))
    return divergence


def row(name, scale, dimension, values, nulls, reference):
    """Returns a row of the table, a dict."""
    shift = float((values.mean() - nulls.mean()) / nulls.std())
    # Two discriminators differ by what each has learned, which the samples' spread leaves out.
    is_learned = name.startswith("Adversarial")
    return {
        "divergence": name,
        "dimension": dimension,
        "scale": scale,
        "reference": float(reference),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "null_mean": float(nulls.mean()),
        "null_std": float(nulls.std()),
        "shift_over_null_std": None if is_learned else shift,
    }


def measure(repeats, num_steps):
    """Measures everything; returns a list of rows."""
    rows = []
    for dimension in DIMENSIONS:
        for name, settings in KERNELS.items():
            nulls = values_of(MMD(**settings), 1.0, dimension, repeats)
            for scale in SCALES:
                values = values_of(MMD(**settings), scale, dimension, repeats)
                reference = mmd_reference(settings, scale, dimension)
                rows.append(row(name, scale, dimension, values, nulls, reference))

        def stein(samples, others):
            del others
            return Stein()(samples, -samples)  # the score of N(0, I)

        nulls = values_of(stein, 1.0, dimension, repeats)
        for scale in SCALES:
            values = values_of(stein, scale, dimension, repeats)
            reference = stein_reference(scale, dimension)
            rows.append(row("Stein, default", scale, dimension, values, nulls, reference))
        nulls = values_of(learned(1.0, dimension, num_steps), 1.0, dimension, repeats)
        for scale in SCALES:
            values = values_of(learned(scale, dimension, num_steps), scale, dimension, repeats)
            reference = gaussians.kl(scale, dimension)
            rows.append(row("Adversarial (nats)", scale, dimension, values, nulls, reference))
    return rows


def table(rows):
    """Returns the rows as Markdown."""
    lines = [
        "| d | divergence | scale | reference | value (std) | null mean (std) | shift / null std |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        shift = r["shift_over_null_std"]
        lines.append(
            f"| {r['dimension']} | {r['divergence']} | {r['scale']} | {r['reference']:.3g} "
            f"| {r['mean']:.3g} ({r['std']:.1g}) | {r['null_mean']:.1e} ({r['null_std']:.1e}) "
            f"| {'' if shift is None else format(shift, '.1f')} |"
        )
    return "\n".join(lines)


def main():
    """Measures, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, nothing written")
    quick = parser.parse_args().quick
    repeats, num_steps = (5, 50) if quick else (100, 1000)
    rows = measure(repeats, num_steps)
    print(table(rows))
    if not quick:
        path = HERE / "results" / "divergences.json"
        settings = {"samples": NUM_SAMPLES, "repeats": repeats, "discriminator_steps": num_steps}
        path.write_text(json.dumps(settings | {"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
