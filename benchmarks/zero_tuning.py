"""How near to its tolerance a run ends for which nothing was tuned, over models, data, tolerances.

    python -m benchmarks.zero_tuning                                    # what lacks; for days
    python -m benchmarks.zero_tuning --architectures ConvVAE --data digits mnist --steps 1500

Each run is an architecture and `zoo.GECO` with the defaults of both, Adam from 1e-3 to 1e-6 along a
cosine, batches of 64, seed 0: the same for all. Runs that are in the JSON are not repeated, and
each is written down as it ends, so it can be stopped at any time.
"""

import argparse
import itertools
import json
import pathlib
import time

import keras

import zoo
from training import datasets
from training.runs import provenance
from training.runs.run_directory import write_json
from zoo import registry

RESULTS = pathlib.Path(__file__).parent / "results" / "zero_tuning.json"
ARCHITECTURES = ("ConvVAE", "NVPVAE", "ConvDRAW")
DATA_NAMES = ("digits", "mnist", "fashion_mnist", "color_mnist", "cifar10")
TOLERANCES = (0.06, 0.08, 0.1, 0.125, 0.175)
NUM_STEPS = (1500, 4000)
BATCH_SIZE, NUM_TEST_IMAGES, SEED = 64, 5000, 0
KEYS = ("architecture", "data", "tolerance", "steps")


def train(architecture, data_name, tolerance, num_steps):
    """Trains one model; returns how near it ended on test images, as JSON holds it."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    data = datasets.load(data_name)
    values = {"class_name": architecture, "arguments": {}}
    model = registry.build("architecture", values, image_shape=data.image_shape)
    objective = zoo.GECO(zoo.constraints.ReconstructionError(tolerance))
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, num_steps, alpha=1e-3)
    model.compile(keras.optimizers.Adam(schedule), objective=objective, seed=SEED)
    start = time.perf_counter()
    model.fit(data.train_batches(BATCH_SIZE, SEED), steps_per_epoch=num_steps, verbose=0)
    minutes = (time.perf_counter() - start) / 60
    num_images = min(NUM_TEST_IMAGES, data.num_examples["test"])
    logs = model.evaluate(data.batches("test", 100, num_images), return_dict=True, verbose=0)
    return {
        **dict(zip(KEYS, (architecture, data_name, tolerance, num_steps), strict=True)),
        "rmse": logs["rmse"],
        "rate": logs["rate"],
        "infeasible": bool(objective.infeasible()),
        "minutes": minutes,
        "commit": provenance.commit(),
        "machine": provenance.machine(),
    }


def main():
    """Makes the runs that were asked for and are not there yet, the shortest first."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    parser.add_argument("--data", nargs="+", default=DATA_NAMES)
    parser.add_argument("--tolerances", nargs="+", type=float, default=TOLERANCES)
    parser.add_argument("--steps", nargs="+", type=int, default=NUM_STEPS)
    given = parser.parse_args()
    runs = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    done = {tuple(run[key] for key in KEYS) for run in runs}
    for num_steps, name, architecture, tolerance in itertools.product(
        given.steps, given.data, given.architectures, given.tolerances
    ):
        if (architecture, name, tolerance, num_steps) in done:
            continue
        runs.append(train(architecture, name, tolerance, num_steps))
        error = runs[-1]["rmse"] / tolerance
        print(f"{architecture}, {name}, κ = {tolerance:g}, {num_steps} steps: {error:.3f} κ")
        write_json(RESULTS, runs)


if __name__ == "__main__":
    main()
