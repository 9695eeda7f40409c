"""Recipes' models on noise, and the functions of them that are checked and timed."""

import functools
import types

import keras
import numpy as np
import tensorflow as tf

from training import kinds


def image_shape_of(recipe):
    """Returns the shape of the images of a recipe's data set."""
    return {"digits": (16, 16, 1), "cifar10": (32, 32, 3)}.get(recipe.data["name"], (28, 28, 1))


def make_model(recipe, dtype):
    """Makes a recipe's model under a policy; a classifier's training step computes in the dtype."""
    if not kinds.of_recipe(recipe).draws_images:
        arguments = recipe.objective["arguments"]
        arguments["training_dtype"] = dtype.removeprefix("mixed_")
        dtype = "float32"
    keras.config.set_dtype_policy(dtype)
    data = types.SimpleNamespace(
        image_shape=image_shape_of(recipe), context_shape=None, num_classes=10, name="noise"
    )
    return kinds.make_model(recipe, data)


def make_images(recipe, num):
    """Makes noise in the form of a recipe's images."""
    return np.random.default_rng(0).random((num, *image_shape_of(recipe)), np.float32)


def make_batch(recipe, num):
    """Makes noise in the form of a recipe's batches: images, for a classifier with labels."""
    images = make_images(recipe, num)
    return (images, np.arange(num) % 10) if not kinds.of_recipe(recipe).draws_images else images


def train_function(model, recipe, num, jit_compile):
    """Returns the step that `fit` runs, on a batch that is there already; it returns its logs."""
    model.jit_compile = jit_compile
    model.make_train_function(force=True)
    batch = make_batch(recipe, num)
    return functools.partial(
        model.train_function, iter(tf.data.Dataset.from_tensors(batch).repeat())
    )


def sampler(model, num, jit_compile):
    """Returns a function of a seed that draws images; a classifier's answers some."""
    if not hasattr(model, "sample"):
        images = tf.random.uniform([num, *model.image_shape])
        return tf.function(
            lambda seed: model(images + 0.0 * tf.cast(seed[0], tf.float32)), jit_compile=jit_compile
        )
    return tf.function(lambda seed: model.sample(num, seed=seed), jit_compile=jit_compile)
