"""Times `sample` of each architecture beside its steps and passes, and the served graph beside it.

    python -m benchmarks.sampling            # about seven minutes on two quiet cores
    python -m benchmarks.sampling --quick    # one recipe, two rounds, nothing written

Models are those of the recipes for MNIST, untrained. A step is of the recipe's batch, as `fit` runs
it; the forward pass is `infer` on 64 images; the served graph is the signature `sample` of an
export, loaded in the same process: what a server runs, without the server. All take their turn in
each round, and so does the step of conv_vae_mnist, a plain VAE; a ratio is taken within a round,
and the median over the rounds counts.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.architectures import Step
from training.runs import provenance

HERE = pathlib.Path(__file__).parent
IMAGE_SHAPE = (28, 28, 1)
PLAIN = "conv_vae_mnist"
_ENERGY = {"prior": {"class_name": "EnergyPrior", "arguments": {}}}
# By a recipe's name, and what else the row is called: arguments that are not the recipe's.
MODELS = {
    PLAIN: {},
    "nvp_vae_mnist": {},
    "conv_draw_mnist": {},
    "sequential_vae_mnist": {},
    "short_run_mnist": {},
    f"{PLAIN}, with an energy prior": _ENERGY,
    "conv_vae_mnist_energy_prior, frozen": {},
    "energy_vae_mnist": {},
    "energy_vae_mnist, with an encoder": {"inference": "encoder"},
    "pixel_vae_mnist": {},
}
NUMBERS = (1, 64)
NUM_ROUNDS = 9


def calls_of(step, folder):
    """Returns the calls to time, by name: functions without arguments that wait for the result."""
    model = step.model
    images = tf.constant(np.random.default_rng(0).random((64, *IMAGE_SHAPE), np.float32))
    model.export(folder)
    served = tf.saved_model.load(folder).signatures["sample"]
    calls = {
        "training step": step.seconds,
        "forward pass of 64": lambda: model.infer(images, seed=0).distortion.numpy(),
    }
    for num in NUMBERS:
        seeds = tf.stack([tf.zeros([num], tf.int32), tf.range(num)], axis=1)
        inputs = {"seed": seeds, "temperature": tf.ones([num])}
        calls[f"sample {num}"] = lambda num=num: model.sample(num, seed=0).numpy()
        calls[f"served {num}"] = lambda inputs=inputs: served(**inputs)["image"].numpy()
    return calls


def measure(name, plain, num_rounds):
    """Returns the seconds of each call, and the ratios of its rounds."""
    keras.utils.set_random_seed(0)
    step = Step(name.partition(",")[0], IMAGE_SHAPE, **MODELS[name])
    with tempfile.TemporaryDirectory() as folder:
        calls = calls_of(step, f"{folder}/1") | {"plain step": plain.seconds}
    seconds = {call: [] for call in calls}
    for index in range(num_rounds + 1):
        for call in calls if index % 2 == 0 else reversed(calls):
            start = time.perf_counter()
            calls[call]()
            seconds[call].append(time.perf_counter() - start)
    seconds = {call: taken[1:] for call, taken in seconds.items()}  # The first one traces.

    def ratio(one, other):
        pairs = zip(seconds[one], seconds[other], strict=True)
        return statistics.median(a / b for a, b in pairs)

    share = plain.batch_size / step.batch_size
    medians = {call: statistics.median(taken) for call, taken in seconds.items()}
    return {
        "batch_size": step.batch_size,
        "seconds": medians,
        "image_over_plain": ratio("training step", "plain step") * share,
        "sample_over_forward_pass": ratio("sample 64", "forward pass of 64"),
        "served_over_sample": {num: ratio(f"served {num}", f"sample {num}") for num in NUMBERS},
    }


def main():
    """Runs the benchmark, prints the ratios and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    report = {"commit": provenance.commit(), "machine": provenance.machine(), "recipes": {}}
    plain = Step(PLAIN, IMAGE_SHAPE)
    for name in list(MODELS)[:1] if is_quick else MODELS:
        report["recipes"][name] = measure(name, plain, 2 if is_quick else NUM_ROUNDS)
        print(name, json.dumps(report["recipes"][name]), flush=True)
    if not is_quick:
        path = HERE / "results" / "sampling.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
