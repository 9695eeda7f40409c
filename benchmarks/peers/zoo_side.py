"""The zoo's side: a recipe's training step, as `model.fit` runs it."""

import dataclasses
import types

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks.peers import pythae_zoo
from training import kinds
from training.recipes import find_recipe

_DISTURBANCE = 0.02  # Of the weights when gradients are compared, so that none of them is 0.


def make_step(peer, settings, variant, images, labels):
    """Makes one training step as a function without arguments.

    Args:
        peer: Name of a module of this package.
        settings: As in `benchmarks.peers.settings.of`.
        variant: "float32" or "bfloat16", in a list.
        images: NumPy `[B, H, W, 1]` in [0, 1].
        labels: NumPy `[B]`, int64.
    """
    del peer
    [dtype] = variant
    model = _make(settings, dtype)
    batch = (images, labels) if isinstance(model, zoo.ConvClassifier) else images
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    model.make_train_function()

    def step():
        return float(model.train_function(batches)["loss"])

    return step


def measure(peer, settings, images, labels):
    """Computes terms and gradients of the loss of a model with disturbed weights.

    Returns:
        A dict: `weights` and `gradients`, lists of arrays; `images`, and what else was `given`,
        noise or labels; the `terms` of the loss, floats, and their weights in it, `term_weights`.
    """
    del peer
    model, rng = _make(settings, "float32"), np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign_add(_DISTURBANCE * rng.standard_normal(weight.shape))
    if settings["recipe"] is None:
        pythae_zoo.flatten_log_scales(model)
    with tf.GradientTape() as tape:
        given, terms = _terms(model, settings, images, labels, rng)
        loss = sum(w * term for w, term in zip(settings["term_weights"], terms, strict=True))
    return {
        "weights": [weight.numpy() for weight in model.trainable_weights],
        "gradients": [g.numpy() for g in tape.gradient(loss, model.trainable_weights)],
        "images": images,
        "given": given,
        "terms": [float(term) for term in terms],
        "term_weights": settings["term_weights"],
    }


def _terms(model, settings, images, labels, rng):
    if isinstance(model, zoo.ConvClassifier):
        terms, _ = model._measure(images, None, labels, None, training=True)
        return labels, [tf.reduce_mean(terms["cross-entropy"])]
    row = [int(sum(shape[0] for shape in model._latent_shapes))]
    if isinstance(model, zoo.SequentialVAE):
        row = model._latents_shape
    noise = rng.standard_normal((len(images), *row)).astype(np.float32)
    record = model.infer(images, seed=zoo.random.GivenNoise((noise,)), training=True)
    second = record.distortion if settings["objective"] == "ELBO" else record.squared_error
    return noise, [tf.reduce_mean(record.rate), tf.reduce_mean(second)]


def _make(settings, dtype):
    keras.config.set_dtype_policy("mixed_bfloat16" if dtype == "bfloat16" else "float32")
    if settings["recipe"] is None:
        return pythae_zoo.make(settings)
    recipe = find_recipe(settings["recipe"])
    if recipe.objective["class_name"] == "CrossEntropy":
        objective = recipe.objective | {"arguments": {"training_dtype": dtype}}
        recipe = dataclasses.replace(recipe, objective=objective)
    data = types.SimpleNamespace(image_shape=(28, 28, 1), context_shape=None, num_classes=10)
    return kinds.make_model(recipe, data)


def versions():
    """Returns the versions of what was measured."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "zoo": zoo.__version__}
