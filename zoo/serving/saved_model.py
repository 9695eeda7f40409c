"""Writes a model as a SavedModel for TensorFlow Serving and `zoo.load`: all of it or nothing."""

import logging
import os

import tensorflow as tf

from zoo.quiet import quiet_logger
from zoo.serving import keras_config, manifest, warmup
from zoo.serving.check import check_export
from zoo.serving.plain_path import plain_path
from zoo.serving.signatures import make_signatures
from zoo.serving.unfinished_folder import as_new_path, move_complete, unfinished_folder

__all__ = ["export"]


def export(model, path, log_prob_samples=16, metadata=None, signatures=None):
    """Writes a model exactly at `path`, as a SavedModel that TensorFlow Serving can run.

    The folder holds `saved_model.pb` (the graph, with the signatures of
    `zoo.serving.signatures`), `variables/` (each weight once), and in `assets.extra/` the files
    `vae_zoo.json` (for `zoo.load`), `tf_serving_warmup_requests` and `manifest.json` (the sha256 of
    every file). It is written under another name beside `path`, run as a server would run it and
    compared with the model, and then renamed; a server that watches the parent folder sees it
    complete or not at all. What a killed export left there is removed.

    `zoo.serving.publish` finds the number of the next version by itself.

    With several workers, call it on one of them.

    Args:
        model: A `zoo.LatentImageModel`, or another model if `signatures` are given.
        path: A local folder that does not exist yet; a server wants a number, `my_model/1`.
        log_prob_samples: Number of importance samples of the `log_prob` signature, at least 1.
        metadata: A dict that JSON can hold, kept in `vae_zoo.json`.
        signatures: What is served, a dict of name to `Signature`, of which the first is also
            `serving_default`. None: those of `zoo.serving.signatures`.

    Raises:
        FileExistsError: There is something at `path`.
        ValueError: `path` is a URL, `log_prob_samples` is below 1, or `zoo.load` could not make the
            model again.
        RuntimeError: The written model does not answer as the Keras model does.
        OSError, tf.errors.OpError: Writing failed, for example because the disk is full. After any
            error nothing is left behind.

    Example:
        >>> model.export("conv_draw/1")
        >>> images = tf.saved_model.load("conv_draw/1").signatures["sample"](
        ...     seed=[[0, 0], [0, 1]], temperature=[1.0, 1.0]
        ... )["image"]
    """
    path = as_new_path(path)
    keras_config.check_loads(model)
    if signatures is None:
        signatures = make_signatures(model, log_prob_samples)
    with unfinished_folder(*os.path.split(path)) as unfinished:
        with plain_path(unfinished) as folder:
            _save(model, signatures, folder)
            keras_config.write(model, folder, log_prob_samples, metadata)
            warmup.write(warmup.example_requests(model, signatures), folder)
            manifest.write(folder)
            check_export(folder, model, signatures)
        move_complete(unfinished, path)


def _save(model, signatures, path):
    """Writes the graph and the variables, each of them once."""
    module = tf.Module()
    for group, variables in keras_config.export_variables(model).items():
        setattr(module, group, [variable.value for variable in variables])
    functions = {name: signature.as_function() for name, signature in signatures.items()}
    functions["serving_default"] = next(iter(functions.values()))
    # Gradients are for training, which is done with zoo.load; here they would double the graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    # It would name the folder, which has another name until the export is complete.
    with quiet_logger(tf.get_logger(), logging.WARNING):
        tf.saved_model.save(module, path, signatures=functions, options=options)
