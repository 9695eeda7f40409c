"""Times the training step of each architecture, beside the machine's fastest convolution.

    python -m benchmarks.architectures            # about six minutes on two quiet cores
    python -m benchmarks.architectures --quick    # MNIST only, few rounds, nothing written

The models, objectives and batches are those of the recipes; the batches are noise, already in
memory. All models take a step in each round, so that they meet the same machine; the median over
the rounds counts. Operations are those of the products in the graph (convolutions, dense layers,
matrices), forward, times three for the two gradients. ConvDRAW convolves in frequency space, so its
share is of fewer operations than those of direct convolutions: see train_step.py.
"""

import argparse
import copy
import functools
import json
import math
import os
import pathlib
import statistics
import time
import types

import numpy as np
import tensorflow as tf

import zoo
from benchmarks.conv_draw_zoo import convolution_peak
from training import kinds
from training.recipes import find_recipe

HERE = pathlib.Path(__file__).parent
_MNIST = """
    conv_vae_mnist nvp_vae_mnist conv_draw_mnist sequential_vae_mnist infusion_mnist pixel_vae_mnist
"""
_CIFAR10 = """
    nvp_vae_cifar10 conv_draw_cifar10 sequential_vae_cifar10 infusion_cifar10 pixel_vae_cifar10
"""
# By data set: the shape of its images, and the recipes.
RECIPES = {
    "mnist": ((28, 28, 1), _MNIST.split()),
    "cifar10": ((32, 32, 3), _CIFAR10.split()),
}


class Step:
    """A recipe's training step, as `fit` runs it, on one batch of noise, a replica.

    Args:
        name: Name of the recipe.
        image_shape: Shape of its images.
        **arguments: Of the architecture, in the place of the recipe's.
    """

    def __init__(self, name, image_shape, **arguments):
        recipe = copy.deepcopy(find_recipe(name))
        recipe.architecture["arguments"].update(arguments)
        data = types.SimpleNamespace(image_shape=image_shape, context_shape=None, num_classes=None)
        self.model = kinds.make_model(recipe, data)
        self.batch_size = recipe.batch_size
        strategy = tf.distribute.get_strategy()
        num_images = recipe.batch_size * strategy.num_replicas_in_sync
        self._images = np.random.default_rng(0).random((num_images, *image_shape), np.float32)
        batches = tf.data.Dataset.from_tensors(self._images).repeat()
        self._batches = iter(strategy.experimental_distribute_dataset(batches))
        self.model.make_train_function()
        start = time.perf_counter()
        self.seconds()
        self.seconds_to_prepare = time.perf_counter() - start

    @property
    def gigaflops(self):
        """Operations of a step, without those that no product makes."""
        return 3e-9 * forward_operations(self.model, self._images)

    def seconds(self, num_steps=1):
        """Takes steps; returns the seconds of one."""
        start = time.perf_counter()
        for _ in range(num_steps):
            logs = self.model.train_function(self._batches)
        float(logs["loss"])  # Waits for the device.
        return (time.perf_counter() - start) / num_steps


def forward_operations(model, images):
    """Counts the additions and multiplications of the products in a forward pass."""
    if isinstance(model, zoo.LatentImageModel):
        forward = functools.partial(_distortion, model)
    elif isinstance(model, zoo.ConvClassifier):
        forward = model
    else:
        forward = functools.partial(model.reconstruct, seed=0)
    graph = tf.function(forward, autograph=False).get_concrete_function(tf.constant(images)).graph
    graphs = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    return sum(_operations(op) for g in graphs for op in g.get_operations())


def _distortion(model, images):
    record = model.infer(images, seed=0)
    return record.distortion + record.rate


def _operations(op):
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        return 2 * math.prod(op.outputs[0].shape) * math.prod(op.inputs[1].shape[:3])
    if op.type == "Conv2DBackpropInput":  # A transposed convolution.
        return (
            2
            * math.prod(op.inputs[2].shape)
            * math.prod(op.inputs[1].shape[:2])
            * (op.outputs[0].shape[-1])
        )
    if op.type in ("MatMul", "BatchMatMulV2", "BatchMatMulV3"):
        transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
        inner = op.inputs[0].shape[-2 if transposed else -1]
        return 2 * math.prod(op.outputs[0].shape) * inner
    if op.type == "Einsum":
        terms = op.get_attr("equation").decode().partition("->")[0].split(",")
        sizes = {
            letter: size
            for term, values in zip(terms, op.inputs, strict=True)
            for letter, size in zip(term, values.shape, strict=True)
        }
        return 2 * math.prod(sizes.values())
    return 0


def measure(data_name, image_shape, names, num_rounds, num_steps):
    """Times the recipes of a data set; returns a dict by recipe."""
    print(f"{data_name}: preparing", flush=True)
    steps = {name: Step(name, image_shape) for name in names}
    seconds, peaks = {name: [] for name in names}, []
    for index in range(num_rounds):
        peaks.append(convolution_peak("float32", repeats=4))
        # Every other round runs backwards, so that none always follows the same one.
        for name in names if index % 2 == 0 else reversed(names):
            seconds[name].append(steps[name].seconds(num_steps))
    gigaflops = {name: step.gigaflops for name, step in steps.items()}
    return {
        name: {
            "architecture": type(step.model).__name__,
            "objective": find_recipe(name).objective["class_name"],
            "parameters": int(sum(np.prod(w.shape) for w in step.model.trainable_weights)),
            "batch_size": step.batch_size,
            "seconds": seconds[name],
            "images_per_second": step.batch_size / statistics.median(seconds[name]),
            "gigaflops_a_step": gigaflops[name],
            "share_of_convolution_peak": statistics.median(
                gigaflops[name] / taken / max(peaks) for taken in seconds[name]
            ),
            "convolution_peak_gigaflops": max(peaks),
            "seconds_of_the_first_step": step.seconds_to_prepare,
        }
        for name, step in steps.items()
    }


def table(results):
    """Returns the results in Markdown."""
    lines = [
        "| recipe | objective | parameters | images/s | of the convolution peak | first step, s |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        lines.append(
            f"| {name} | {row['objective']} | {row['parameters']:,} | "
            f"{row['images_per_second']:.0f} | {row['share_of_convolution_peak']:.0%} | "
            f"{row['seconds_of_the_first_step']:.0f} |"
        )
    return "\n".join(lines)


def main():
    """Runs the benchmark, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="MNIST, few rounds, nothing written")
    quick = parser.parse_args().quick
    report = {"load_average_before": os.getloadavg(), "cores": os.cpu_count(), "recipes": {}}
    for data_name, (image_shape, names) in list(RECIPES.items())[: 1 if quick else None]:
        rounds = {"num_rounds": 2, "num_steps": 1} if quick else {"num_rounds": 8, "num_steps": 3}
        report["recipes"] |= measure(data_name, image_shape, names, **rounds)
    report["load_average_after"] = os.getloadavg()
    print(table(report["recipes"]))
    if not quick:
        path = HERE / "results" / "architectures.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
