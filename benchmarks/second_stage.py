"""What an energy-based prior does for the samples of a trained model, before and after.

    python -m benchmarks.second_stage conv_draw_mnist     # 1,500 steps, minutes on two cores
    python -m benchmarks.second_stage runs/mine/savedmodel/1 --steps 5000

Measures the Fréchet distance in our classifier's features, the share of samples that the classifier
reads with confidence, and the bound on log p(x) of the same images by the same seeds.
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np

import zoo
from training import datasets, figures
from training.evaluation import frechet_distance, sample_confidence
from training.runs import provenance

HERE = pathlib.Path(__file__).parent
_COLUMNS = 10


def measure(model, data, num_samples, num_images):
    """Returns the measures of a model, a dict."""
    images = data.sample_images("test", num_images, seed=0)
    parts = [model.log_prob(images[n : n + 100], 16, (0, n)) for n in range(0, num_images, 100)]
    return {
        "frechet_distance": frechet_distance.measure(model, data, num_samples=num_samples),
        "sample_confidence": sample_confidence.measure(model, data, num_samples=num_samples),
        "log_prob": np.concatenate(parts).astype(float).tolist(),
    }


def train(model, data, steps, batch_size, learning_rate):
    """Trains the second stage; returns the history of epochs of a tenth of the steps each."""
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps, 1e-2)
    model.compile(keras.optimizers.Adam(schedule), objective=zoo.ELBO())
    epochs = 10
    batches = data.train_batches(batch_size, seed=0)
    return model.fit(batches, epochs=epochs, steps_per_epoch=steps // epochs, verbose=2).history


def paired(before, after):
    """Returns mean and standard error of the difference of two lists, image by image."""
    difference = np.array(after) - np.array(before)
    return {
        "mean": float(difference.mean()),
        "error": float(difference.std() / np.sqrt(len(difference))),
    }


def main():
    """Measures, trains, measures again, and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name or path of a trained model")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--num-samples", type=int, default=2000)
    parser.add_argument("--num-images", type=int, default=500)
    parser.add_argument("--picture", help="a PNG: samples before, and below those after")
    parser.add_argument("--output", default=HERE / "results" / "second_stage.json")
    arguments = parser.parse_args()
    data = datasets.load(arguments.data)
    backbone = zoo.load(arguments.model)
    sizes = arguments.num_samples, arguments.num_images
    before = measure(backbone, data, *sizes)
    model = zoo.with_energy_prior(backbone)
    start = time.perf_counter()
    history = train(model, data, arguments.steps, arguments.batch_size, arguments.learning_rate)
    seconds = time.perf_counter() - start
    after = measure(model, data, *sizes)
    gain = paired(before.pop("log_prob"), after.pop("log_prob"))
    result = {
        "model": arguments.model,
        "steps": arguments.steps,
        "before": before,
        "after": after,
        "log_prob_gain": gain,
        "log_z": [float(model.energy.log_z), float(model.energy.log_z_error)],
        "training_seconds": seconds,
        "history": history,
        "machine": provenance.machine(),
    }
    pathlib.Path(arguments.output).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps({name: value for name, value in result.items() if name != "history"}, indent=1)
    )
    if arguments.picture:
        num = 3 * _COLUMNS
        samples = [np.asarray(each.sample(num, seed=0)) for each in (backbone, model)]
        figures.save_grid(arguments.picture, np.concatenate(samples), _COLUMNS)


if __name__ == "__main__":
    main()
