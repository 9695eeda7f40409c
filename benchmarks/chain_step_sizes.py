"""How the step size of short Langevin chains is best chosen: a number, or one of two rules.

    python -m benchmarks.chain_step_sizes              # 500 steps each, a quarter of an hour
    python -m benchmarks.chain_step_sizes --steps 50   # does it run?

Trains the decoder of the recipe short_run_mnist, with a standard normal prior, for each step size
and likelihood from the same first weights, and measures the error of test images at the ends of
chains of as many steps as in training and of five times as many.
"""

import argparse
import pathlib

import keras
import numpy as np

import zoo
from training import datasets
from training.runs import provenance
from training.runs.run_directory import write_json
from zoo.distributions import Gaussian

HERE = pathlib.Path(__file__).parent
CASES = (  # The step size, and the likelihood's σ; None: running σ*.
    (0.1, 0.15),
    ("acceptance", 0.15),
    ("variational", 0.15),
    (0.1, None),
    ("acceptance", None),
)
BATCH_SIZE, SEED, NUM_IMAGES, TIMES = 64, 0, 500, 5


def train(step_size, scale, data, num_steps):
    """Trains one model; returns its errors and its last step size, as JSON holds them."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    likelihood = "gaussian" if scale is None else Gaussian(scale=scale)
    sizes = {"latent_dims": (32,), "filters": (16, 32), "hidden_units": 128}
    model = zoo.ShortRunModel(data.image_shape, step_size=step_size, likelihood=likelihood, **sizes)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, num_steps, alpha=1e-3)
    model.compile(keras.optimizers.Adam(schedule), objective=zoo.ELBO(), seed=SEED)
    model.fit(data.train_batches(BATCH_SIZE, SEED), steps_per_epoch=num_steps, verbose=0)
    images = data.sample_images("test", NUM_IMAGES, seed=0)
    ends = [model.reconstruct(images, seed=0, num_steps=n * model.num_steps) for n in (1, TIMES)]
    errors = [float(np.sqrt(np.mean((images / 255 - end) ** 2))) for end in ends]
    return {
        "step_size": step_size,
        "scale": scale,
        "last_step_size": model.current_step_size,
        "rmse": errors[0],
        "rmse_of_longer_chains": errors[1],
    }


def main():
    """Trains all cases and writes what they reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=500)
    default = HERE / "results" / "chain_step_sizes.json"
    parser.add_argument("--output", type=pathlib.Path, default=default)
    arguments = parser.parse_args()
    data = datasets.load("mnist")
    cases = []
    for step_size, scale in CASES:
        cases.append(train(step_size, scale, data, arguments.steps))
        print(cases[-1], flush=True)
    made_with = {"commit": provenance.commit(), "machine": provenance.machine()}
    write_json(arguments.output, {"steps": arguments.steps, "cases": cases, "made_with": made_with})


if __name__ == "__main__":
    main()
