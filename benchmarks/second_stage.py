"""What a prior that learns does for the samples of a trained model, before and after.

    python -m benchmarks.second_stage conv_draw_mnist     # 1,500 steps, minutes on two cores
    python -m benchmarks.second_stage runs/mine/savedmodel/1 --steps 5000
    python -m benchmarks.second_stage conv_vae_mnist --prior mixture   # A minute

An energy-based prior is trained, with the model frozen; a mixture is fitted by expectation
maximisation, and nothing is trained.

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
from training.figures.stamps import stamp
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


def train(backbone, data, arguments):
    """Trains an energy-based prior; returns the model and the history of ten epochs."""
    model = zoo.with_energy_prior(backbone)
    steps, epochs = arguments.steps, 10
    schedule = keras.optimizers.schedules.CosineDecay(arguments.learning_rate, steps, 1e-2)
    model.compile(keras.optimizers.Adam(schedule), objective=zoo.ELBO())
    batches = data.train_batches(arguments.batch_size, seed=0)
    fitted = model.fit(batches, epochs=epochs, steps_per_epoch=steps // epochs, verbose=2)
    log_z = [float(model.energy.log_z), float(model.energy.log_z_error)]
    return model, {"steps": steps, "log_z": log_z, "history": fitted.history}


def fit(backbone, data, arguments):
    """Fits a mixture to the latents of training images; returns the model and what it gained."""
    model = zoo.with_mixture_prior(backbone, zoo.MixturePrior(arguments.num_components))
    images = data.sample_images("train", arguments.num_fitted, seed=0)
    gain = model.fit_prior(images)
    facts = {"num_components": arguments.num_components, "num_fitted": arguments.num_fitted}
    return model, facts | {"gain_on_fitted_images": gain}


def paired(before, after):
    """Returns mean and standard error of the difference of two lists, image by image."""
    difference = np.array(after) - np.array(before)
    return {
        "mean": float(difference.mean()),
        "error": float(difference.std() / np.sqrt(len(difference))),
    }


def main():
    """Measures, trains or fits, measures again, and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="name or path of a trained model")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--prior", choices=("energy", "mixture"), default="energy")
    parser.add_argument("--num-components", type=int, default=20)
    parser.add_argument("--num-fitted", type=int, default=20_000, help="images, of a mixture")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--num-samples", type=int, default=2000)
    parser.add_argument("--num-images", type=int, default=500)
    parser.add_argument("--picture", help="a PNG: samples before, and below those after")
    parser.add_argument("--output", help="default: results/second_stage.json, or _mixture.json")
    arguments = parser.parse_args()
    data = datasets.load(arguments.data)
    backbone = zoo.load(arguments.model)
    sizes = arguments.num_samples, arguments.num_images
    before = measure(backbone, data, *sizes)
    learn = {"energy": train, "mixture": fit}[arguments.prior]
    start = time.perf_counter()
    model, facts = learn(backbone, data, arguments)
    seconds = time.perf_counter() - start
    after = measure(model, data, *sizes)
    gain = paired(before.pop("log_prob"), after.pop("log_prob"))
    result = {
        "model": arguments.model,
        "prior": arguments.prior,
        "before": before,
        "after": after,
        "log_prob_gain": gain,
        "seconds": seconds,
        **facts,
        "machine": provenance.machine(),
    }
    suffix = "" if arguments.prior == "energy" else "_mixture"
    output = arguments.output or HERE / "results" / f"second_stage{suffix}.json"
    pathlib.Path(output).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps({name: value for name, value in result.items() if name != "history"}, indent=1)
    )
    if arguments.picture:
        num = 3 * _COLUMNS
        samples = [np.asarray(each.sample(num, seed=0)) for each in (backbone, model)]
        figures.save_grid(arguments.picture, np.concatenate(samples), _COLUMNS)
        stamp(pathlib.Path(arguments.picture), [pathlib.Path(output)])


if __name__ == "__main__":
    main()
