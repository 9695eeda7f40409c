"""Times drawing images pixel by pixel, with a memory, against a whole network pass for each pixel.

    python benchmarks/pixel_sampling.py            # about ten minutes on two quiet cores
    python benchmarks/pixel_sampling.py --quick    # a short look, at 16x16

The network is that of the recipe pixel_vae_cifar10, at its 32x32x3, its weights moved off their
initial values. Both draw from the same numbers, so the images must be the same, but where rounding
moves a pixel over the threshold between two levels (it and all after it in its image may then
differ): how many images do is counted. The ratio is taken within a round; the median counts.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import numpy as np

import zoo
from training.recipes import find_recipe
from zoo import random, sampling

HERE = pathlib.Path(__file__).parent
RECIPE = "pixel_vae_cifar10"
BATCH_SIZES = (1, 16)


def make_model(image_shape, recipe=RECIPE):
    """Makes a recipe's model; untrained, its images would be noise that hides differences."""
    keras.utils.set_random_seed(0)
    model = zoo.PixelVAE(image_shape, **find_recipe(recipe).architecture["arguments"])
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(np.asarray(weight) + 0.03 * generator.standard_normal(weight.shape))
    return model


def measure(model, batch_size, num_rounds):
    """Times both samplers in turn; gives seconds of each round and the images that differ."""
    height, width, channels = model.image_shape
    (latents,) = model.sample_prior(batch_size, seed=0)
    noise = random.RowNoise(random.row_seeds(0, batch_size))
    uniforms = noise.uniform([height, width, model.likelihood.num_uniforms(channels)], stream=1)
    arguments = (model.decoder, model.likelihood, latents, uniforms)
    samplers = {"cached": sampling.sample_pixels, "naive": sampling.sample_pixels_naively}
    samplers["cached"](*arguments)  # Traced before it is timed; of the other that hardly counts.
    result = {"cached": [], "naive": []}
    images = {}
    for _ in range(num_rounds):
        for name, sample in samplers.items():
            start = time.perf_counter()
            images[name] = sample(*arguments).numpy()
            result[name].append(time.perf_counter() - start)
    differ = np.abs(images["cached"] - images["naive"]).max(axis=(1, 2, 3)) > 1e-3
    return result | {"images": batch_size, "images_that_differ": int(differ.sum())}


def table(results):
    """Returns the results in Markdown."""
    lines = [
        "| images at once | cached, s | naive, s | naive over cached | images that differ |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        ratios = [
            naive / cached for naive, cached in zip(result["naive"], result["cached"], strict=True)
        ]
        lines.append(
            f"| {result['images']} | {statistics.median(result['cached']):.2f} | "
            f"{statistics.median(result['naive']):.1f} | {statistics.median(ratios):.0f} | "
            f"{result['images_that_differ']} |"
        )
    return "\n".join(lines)


def main():
    """Runs the benchmark, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="16x16, one round, nothing written")
    quick = parser.parse_args().quick
    model = make_model((16, 16, 3) if quick else (32, 32, 3))
    results = [measure(model, size, 1 if quick else 3) for size in BATCH_SIZES]
    print(table(results))
    if not quick:
        path = HERE / "results" / "pixel_sampling.json"
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
