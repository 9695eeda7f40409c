"""The activation of the convolutional networks: how fast a ConvVAE learns with each of five.

    python -m benchmarks.activations            # about fifteen minutes on two cores
    python -m benchmarks.activations --quick    # few steps, to see that it works

All train under the ELBO, Adam at 1e-3, batches of 64; the error and the rate are the test split's.
"""

import argparse
import json
import pathlib
from unittest import mock

import keras

import zoo
from training import datasets
from zoo.models import conv_networks

HERE = pathlib.Path(__file__).parent
ACTIVATIONS = ("relu", "leaky_relu", "gelu", "silu", "elu")
DATA_NAMES = ("mnist", "color_mnist", "cifar10")
NUM_STEPS = 1600
BATCH_SIZE = 64
SEED = 0


def train(data, activation, num_steps):
    """Trains one model; gives its test logs."""
    keras.utils.set_random_seed(SEED)
    # No argument of the models, for there is no reason to choose another.
    with mock.patch.object(conv_networks, "ACTIVATION", activation):
        model = zoo.ConvVAE(data.image_shape, latent_dim=64, filters=(32, 64), hidden_units=256)
    model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO(), seed=SEED)
    model.fit(data.train_batches(BATCH_SIZE, SEED), steps_per_epoch=num_steps, verbose=0)
    return model.evaluate(data.batches("test", 100), return_dict=True, verbose=0)


def measure(data_names, num_steps):
    """Trains with every activation on every data set; returns a list of results."""
    results = []
    for name in data_names:
        data = datasets.load(name)
        for activation in ACTIVATIONS:
            logs = train(data, activation, num_steps)
            result = {"data": name, "activation": activation}
            results.append(result | {column: logs[column] for column in ("rmse", "rate")})
            print(results[-1], flush=True)
    return results


def table(results):
    """Returns the results as Markdown, a row an activation."""
    names = list(dict.fromkeys(result["data"] for result in results))
    titles = [f"{name}: rmse, nats" for name in names]
    lines = [f"| | {' | '.join(titles)} |", "|---|" + "---|" * len(names)]
    for activation in ACTIVATIONS:
        rows = [result for result in results if result["activation"] == activation]
        cells = [f"{row['rmse']:.4f}, {row['rate']:.1f}" for row in rows]
        lines.append(f"| {activation} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    """Runs the comparison, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="digits, few steps, nothing written")
    quick = parser.parse_args().quick
    results = measure(("digits",), 20) if quick else measure(DATA_NAMES, NUM_STEPS)
    print(table(results))
    if not quick:
        path = HERE / "results" / "activations.json"
        values = {"steps": NUM_STEPS, "batch": BATCH_SIZE, "seed": SEED, "runs": results}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
