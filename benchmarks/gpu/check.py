"""A device's answers beside those of the CPU, of equal weights, images and seeds."""

import functools

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks.gpu.models import make_batch, make_model, train_function

# Of the largest magnitude. Sums over images and pixels are taken in another order on each device.
TOLERANCES = {"answers": 1e-4, "gradients": 1e-3}
CHECKED_IMAGES = 8


def answers(recipe, jit_compile):
    """Returns what a model of fixed weights answers, a dict of arrays."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    model = make_model(recipe, "float32")
    _set_weights(model)
    batch = make_batch(recipe, CHECKED_IMAGES)
    ask = tf.function(functools.partial(_ask, model), jit_compile=jit_compile)
    result = {name: value.numpy() for name, value in ask(batch, tf.constant([1, 2])).items()}
    is_latent_model = isinstance(model, zoo.LatentImageModel)
    own = {"objective": model.objective} if is_latent_model else {}
    # With a rate of 1 the step of plain gradient descent is the gradient.
    model.compile(keras.optimizers.SGD(1.0), **own)
    before = [weight.numpy() for weight in model.trainable_weights]
    logs = train_function(model, recipe, CHECKED_IMAGES, jit_compile)()
    result["loss"] = np.asarray(logs["loss"])
    for index, weight in enumerate(model.trainable_weights):
        result[f"gradient {index}"] = before[index] - weight.numpy()
    return result


def _ask(model, batch, seed):
    if isinstance(model, zoo.LatentImageModel):
        record = model.infer(batch, seed=seed)
        return {
            "rate": record.rate,
            "distortion": record.distortion,
            "log_prob": model.log_prob(batch, num_samples=2, seed=seed),
            "sample": model.sample(CHECKED_IMAGES, seed=seed),
        }
    if isinstance(batch, tuple):
        return {"answer": model(batch[0])}
    return {
        "reconstruction": model.reconstruct(batch, seed=seed),
        "sample": model.sample(CHECKED_IMAGES, seed=seed),
    }


def _set_weights(model):
    """Sets weights that do not depend on a device's random numbers, and hide no part by zeros."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1000
        weight.assign(rng.standard_normal(weight.shape) * 0.7 / np.sqrt(fan_in))


def compare(ours, reference):
    """Returns the largest difference of each kind of answer, over its largest magnitude.

    Pixels that are drawn, each given those before, can differ altogether where rounding moves one
    over the threshold between two levels: of "sample" the median over the images counts.
    """
    differences = {}
    for name, expected in reference.items():
        error = np.abs(ours[name] - expected)
        if name == "sample":
            error = np.median(error.reshape(len(error), -1).max(axis=1))
        kind = "gradients" if name.startswith("gradient") else name
        relative = float(np.max(error) / max(np.abs(expected).max(), 1e-12))
        # Unequal where it is not a number: max() would pass over it.
        relative = relative if np.isfinite(relative) else float("inf")
        differences[kind] = max(differences.get(kind, 0.0), relative)
    return differences


def is_within(differences):
    """Whether all differences are within the tolerances."""
    return all(d <= TOLERANCES.get(kind, TOLERANCES["answers"]) for kind, d in differences.items())
