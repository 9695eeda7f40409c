"""Times the training step of every objective against that of the ELBO on the same model.

    python benchmarks/objectives.py            # about five minutes on two quiet cores
    python benchmarks/objectives.py --quick    # a short look

MNIST's shape, 28x28; ConvDRAW (the default) with batches of 64, ConvVAE with batches of 64 and 256.
A round runs a few steps of every objective, one after the other; the ratio to the ELBO is taken
within a round, and the median over the rounds counts.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

import zoo

HERE = pathlib.Path(__file__).parent
IMAGE_SHAPE = (28, 28, 1)
MODELS = {
    "ConvDRAW, batch 64": (lambda: zoo.ConvDRAW(IMAGE_SHAPE), 64),
    "ConvVAE, batch 64": (lambda: zoo.ConvVAE(IMAGE_SHAPE), 64),
    "ConvVAE, batch 256": (lambda: zoo.ConvVAE(IMAGE_SHAPE), 256),
}


def make_objectives():
    """Returns a function that makes each objective, by name; the ELBO first."""
    classifier = zoo.load("classifier_mnist")
    bounds = {
        "ReconstructionError": lambda: zoo.constraints.ReconstructionError(0.1),
        "FeatureReconstructionError, patches": lambda: zoo.constraints.FeatureReconstructionError(
            0.05
        ),
        "PatchCorrelation": lambda: zoo.constraints.PatchCorrelation(0.8),
        "ClassificationAccuracy": lambda: zoo.constraints.ClassificationAccuracy(0.9, classifier),
    }
    divergences = zoo.divergences
    return {
        "ELBO": zoo.ELBO,
        "Unregularised": zoo.Unregularised,
        **{f"GECO, {name}": lambda make=make: zoo.GECO(make()) for name, make in bounds.items()},
        "InfoVAE, MMD": lambda: zoo.InfoVAE(divergence=divergences.MMD()),
        "InfoVAE, Stein": lambda: zoo.InfoVAE(divergence=divergences.Stein()),
        "InfoVAE, Adversarial": lambda: zoo.InfoVAE(divergence=divergences.Adversarial()),
    }


def make_step(make_model, make_objective, batch_size):
    """Makes a training step on a batch held in memory, the function that `fit` calls."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    batch = {
        "image": generator.integers(0, 256, (batch_size, *IMAGE_SHAPE), dtype=np.uint8),
        "label": generator.integers(0, 10, batch_size, dtype=np.int32),
    }
    model = make_model()
    model.compile(keras.optimizers.Adam(1e-3), objective=make_objective())
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    model.make_train_function()
    return lambda: float(model.train_function(batches)["loss"])


def seconds_a_step(step, num_steps):
    """Returns the mean seconds of a step, after one that does not count."""
    step()
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    return (time.perf_counter() - start) / num_steps


def measure(make_model, batch_size, num_rounds, num_steps):
    """Returns by objective the ratios of its step's seconds to the ELBO's, one a round."""
    steps = {
        name: make_step(make_model, make, batch_size) for name, make in make_objectives().items()
    }
    for step in steps.values():
        step()  # Compiles.
    ratios = {name: [] for name in steps}
    for _ in range(num_rounds):
        seconds = {name: seconds_a_step(step, num_steps) for name, step in steps.items()}
        for name, value in seconds.items():
            ratios[name].append(value / seconds["ELBO"])
    return ratios


def table(results):
    """Returns the medians, and quartiles in brackets, as Markdown."""
    names = list(next(iter(results.values())))
    lines = [f"| step over the ELBO's | {' | '.join(results)} |", "|---|" + "---|" * len(results)]
    for name in names:
        cells = []
        for ratios in results.values():
            low, middle, high = statistics.quantiles(ratios[name], n=4)
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    """Runs the benchmark, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    quick = parser.parse_args().quick
    num_rounds, num_steps = (2, 2) if quick else (15, 5)
    results = {}
    for label, (make_model, batch_size) in MODELS.items():
        results[label] = measure(make_model, batch_size, num_rounds, num_steps)
        keras.backend.clear_session()
    print(table(results))
    if not quick:
        path = HERE / "results" / "objectives.json"
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
