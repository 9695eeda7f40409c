"""The signatures of an exported model: what a served model answers, and to which inputs.

| signature                        | inputs                 | outputs          |
|----------------------------------|------------------------|------------------|
| `serving_default`, `reconstruct` | `image`                | `reconstruction` |
| `encode`                         | `image`                | `latents_0`, ... |
| `decode`                         | `latents_0`, ...       | `image`          |
| `sample`                         | `seed`, `temperature`  | `image`          |
| `log_prob`                       | `image`, `seed`        | `log_prob`       |

`image` and `reconstruction` are float32 `[N, H, W, C]` in pixel units, `seed` int32 `[N, 2]`,
`temperature` float32 `[N]`, `log_prob` float32 `[N]` in nats; those of a conditional model also
take `context` float32 `[N, ...]`. Latents are posterior means, images are the likelihood's means.
A model whose likelihood has no mean (PixelVAE) draws pixels, and `reconstruct` latents too: there
`reconstruct` and `decode` also take `seed`.
Everything has the leading batch dimension and a row's answer depends on its own inputs alone, so
that a server may group rows as it likes.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from zoo import random
from zoo.serving import input_checks

__all__ = ["Signature", "make_classifier_signatures", "make_sampler_signatures", "make_signatures"]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One thing that an exported model answers.

    Attributes:
        inputs: Name to `tf.TensorSpec` `[None, ...]`.
        answer: The answer in terms of the Keras model: a dict of tensors in, a dict of tensors out.
    """

    inputs: dict
    answer: Callable

    def as_function(self):
        """Gives the TensorFlow function that checks its inputs, which have names, and answers."""

        # No AutoGraph, for Keras has none either: a model runs here as it does in `fit`.
        @tf.function(autograph=False)
        def signature(**given):
            checked = {name: _check(given[name], spec, name) for name, spec in self.inputs.items()}
            return self.answer(input_checks.assert_equal_rows(checked))

        return signature.get_concrete_function(**self.inputs)


def make_signatures(model, log_prob_samples=16):
    """Makes the signatures of a model.

    Args:
        model: A built `zoo.LatentImageModel`.
        log_prob_samples: Number of importance samples of `log_prob`, at least 1.

    Returns:
        A dict of name to `Signature`; the first will also be `serving_default`, see `export`.

    Raises:
        ValueError: `log_prob_samples` is not an int of at least 1.
    """
    if not isinstance(log_prob_samples, int) or log_prob_samples < 1:
        raise ValueError(
            "log_prob_samples must be an int of at least 1: each request to `log_prob` draws that "
            f"many latents an image. Received: log_prob_samples={log_prob_samples!r}"
        )
    image = {"image": _spec("image", model.image_shape)}
    seed = {"seed": _spec("seed", (2,), tf.int32)}
    temperature = {"temperature": _spec("temperature", ())}
    context = {}
    if model.context_shape is not None:
        context = {"context": _spec("context", model.context_shape)}
    latents = _latent_specs(model)
    drawn = {} if model.has_mean else seed

    def reconstruct(given):
        noise = _noise(given)
        return {"reconstruction": model.reconstruct(given["image"], given.get("context"), noise)}

    def encode(given):
        return dict(zip(latents, model.encode(given["image"], given.get("context")), strict=True))

    def decode(given):
        likelihood = model.decode(tuple(given[name] for name in latents), given.get("context"))
        return {"image": model.images_of(likelihood, _noise(given))}

    def sample(given):
        seeds, temperatures = given["seed"], given["temperature"]
        return {"image": model.sample_rows(seeds, temperatures, given.get("context"))}

    def log_prob(given):
        images, seeds = given["image"], given["seed"]
        bound = model.log_prob_rows(images, seeds, log_prob_samples, given.get("context"))
        return {"log_prob": bound}

    return {
        "reconstruct": Signature(image | context | drawn, reconstruct),
        "encode": Signature(image | context, encode),
        "decode": Signature(latents | context | drawn, decode),
        "sample": Signature(seed | temperature | context, sample),
        "log_prob": Signature(image | seed | context, log_prob),
    }


def make_classifier_signatures(model):
    """Makes the signatures of a classifier.

    | signature                     | inputs  | outputs         |
    |-------------------------------|---------|-----------------|
    | `serving_default`, `classify` | `image` | `probabilities` |
    | `features`                    | `image` | `features`      |

    `probabilities` are float32 `[N, K]`, `features` float32 `[N, F]` of no unit.

    Args:
        model: A `zoo.ConvClassifier`.

    Returns:
        As `make_signatures` does.
    """
    image = {"image": _spec("image", model.image_shape)}
    return {
        "classify": Signature(image, lambda given: {"probabilities": model(given["image"])}),
        "features": Signature(image, lambda given: {"features": model.features(given["image"])}),
    }


def make_sampler_signatures(model):
    """Makes the signature of a model that draws images and has no latents.

    | signature                   | inputs                | outputs |
    |-----------------------------|-----------------------|---------|
    | `serving_default`, `sample` | `seed`, `temperature` | `image` |

    Args:
        model: A `zoo.InfusionModel`.

    Returns:
        As `make_signatures` does.
    """
    inputs = {"seed": _spec("seed", (2,), tf.int32), "temperature": _spec("temperature", ())}

    def sample(given):
        return {"image": model.sample_rows(given["seed"], given["temperature"])}

    return {"sample": Signature(inputs, sample)}


def _noise(given):
    """The noise of the rows' seeds, or None for a signature that draws nothing."""
    return random.RowNoise(given["seed"]) if "seed" in given else None


def _latent_specs(model):
    """Reads the names and sizes of the groups of latents off a prior draw of one row."""
    context = None
    if model.context_shape is not None:
        context = tf.zeros([1, *model.context_shape])
    latents = model.sample_prior(1, seed=0, context=context)
    names = [f"latents_{index}" for index in range(len(latents))]
    return {
        name: _spec(name, group.shape[1:], group.dtype)
        for name, group in zip(names, latents, strict=True)
    }


def _spec(name, row_shape, dtype=tf.float32):
    return tf.TensorSpec([None, *row_shape], dtype, name)


def _check(values, spec, name):
    values = input_checks.assert_rows(values, spec.shape[1:].as_list(), name)
    if name in ("image", "context"):
        return input_checks.assert_in_unit_range(values, name)
    if name == "temperature":
        return input_checks.assert_not_negative(values, name)
    return input_checks.assert_finite(values, name) if spec.dtype.is_floating else values
