"""What a model and its export answer to fixed images, contexts and seeds."""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import zoo
from benchmarks.fingerprints.fingerprint import fingerprint

NUM_IMAGES = 8


def ask_model(model):
    """Returns what a loaded model answers to fixed images and seeds, and how it trains on."""
    shape = tuple(model.image_shape)
    images, labels = _make_images(shape)
    if isinstance(model, zoo.LatentImageModel):
        answers = _ask_latent_model(model, images)
        batch = {"image": images}
        if model.context_shape is not None:
            batch["context"] = _make_context(model)
    elif isinstance(model, zoo.ConvClassifier):
        answers = {"call": model(images), "logits": model.logits(images)}
        batch = (images, labels)
    else:
        answers = {
            "sample": model.sample(3, seed=7),
            "reconstruct": model.reconstruct(images, seed=5),
        }
        batch = images
    data = tf.data.Dataset.from_tensors(batch).repeat(3)
    logs = model.evaluate(data, verbose=0, return_dict=True)
    history = model.fit(data, epochs=2, verbose=0).history
    answers |= {"evaluate": [logs[name] for name in sorted(logs)]}
    answers |= {"trained on": [history[name] for name in sorted(history)]}
    return {name: fingerprint(value) for name, value in answers.items()}


def _ask_latent_model(model, images):
    given = {} if model.context_shape is None else {"context": _make_context(model)}
    of_three = {name: value[:3] for name, value in given.items()}
    inference = model.infer(images, seed=3, **given)
    latents = model.sample_prior(3, seed=9, **of_three)
    latents = latents if isinstance(latents, list | tuple) else (latents,)
    answers = {
        "infer rate": inference.rate,
        "infer distortion": inference.distortion,
        "sample": model.sample(3, seed=7, **of_three),
        "sample at 0.5": model.sample(3, seed=8, temperature=0.5, **of_three),
        "reconstruct": model.reconstruct(images, **given),
        "reconstruct a draw": model.reconstruct(images, seed=5, **given),
        "predict": model.predict(images, batch_size=4, verbose=0) if not given else 0.0,
        "log_prob": model.log_prob(images, num_samples=3, seed=5, **given),
    }
    groups = {
        "encode": model.encode(images, **given),
        "encode a draw": model.encode(images, seed=6, **given),
        "sample_prior": latents,
    }
    for name, group in groups.items():
        for index, latent in enumerate(group if isinstance(group, list | tuple) else (group,)):
            answers[f"{name} {index}"] = latent
    answers["log_prior"] = model.log_prior(latents, **of_three)
    answers["log_posterior"] = model.log_posterior(latents, images[:3], **of_three)
    answers["decode"] = model.decode(latents, **of_three).log_prob(images[:3])
    return answers


def ask_export(path, image_shape):
    """Returns what every signature of a SavedModel answers to fixed inputs."""
    loaded = tf.saved_model.load(str(path))
    answers = {}
    for name, signature in sorted(loaded.signatures.items()):
        given = signature.structured_input_signature[1]
        outputs = signature(
            **{key: _make_input(key, spec, image_shape) for key, spec in given.items()}
        )
        for key, value in sorted(outputs.items()):
            answers[f"{name} {key}"] = fingerprint(value)
    return answers


def _make_input(name, spec, image_shape):
    """Makes an input of a signature: 3 rows, by its name and type."""
    shape = [3 if size is None else size for size in spec.shape]
    rows = np.arange(np.prod(shape)).reshape(shape)
    if spec.dtype == tf.string:  # Image files.
        pixels = np.uint8(_make_images(image_shape)[0][:3] * 255)
        return tf.stack([tf.io.encode_png(image) for image in pixels])
    if name == "seed":
        return tf.constant(rows, spec.dtype)
    if name == "temperature":
        return tf.constant(0.7, spec.dtype, shape)
    if name == "image":
        return tf.constant(_make_images(tuple(shape[1:]))[0][:3], spec.dtype)
    return tf.constant(np.sin(rows) / 2 + 0.5, spec.dtype)  # In [0, 1], as contexts are.


def _make_images(shape):
    """Returns fixed images `[8, *shape]` in [0, 1] and their labels: digits, repeated to size."""
    digits = load_digits()
    images = digits.images[:NUM_IMAGES].astype(np.float32)[..., None] / 16
    rows, columns = (-(-size // 8) for size in shape[:2])
    images = np.repeat(np.repeat(images, rows, 1), columns, 2)[:, : shape[0], : shape[1]]
    return np.tile(images, shape[2]), digits.target[:NUM_IMAGES].astype(np.int32)


def _make_context(model):
    shape = (NUM_IMAGES, *model.context_shape)
    return (np.sin(np.arange(np.prod(shape))).reshape(shape) / 2 + 0.5).astype(np.float32)
