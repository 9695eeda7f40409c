"""The signatures of an exported model: what a served model answers, and to which inputs.

| signature                        | inputs                | outputs                        |
|----------------------------------|-----------------------|--------------------------------|
| `serving_default`, `reconstruct` | `image`               | `reconstruction`               |
| `encode`                         | `image`               | `latents_0`, ...               |
| `decode`                         | `latents_0`, ...      | `image`                        |
| `sample`                         | `seed`, `temperature` | `image`                        |
| `log_prob`                       | `image`, `seed`       | `log_prob`                     |
| `reconstruct_encoded`            | `image_bytes`         | `reconstruction_bytes`, `rmse` |
| `sample_encoded`                 | `seed`, `temperature` | `image_bytes`                  |
| `fill_in`                        | `image`, `mask`, `seed` | `reconstruction`             |

All of them also give `error`. What the names mean:

| name                      | type and shape         | meaning                                  |
|---------------------------|------------------------|------------------------------------------|
| `image`, `reconstruction` | float32 `[N, H, W, C]` | pixel units: 0 to 1                      |
| `context`                 | float32 `[N, H, W, C]` | pixel units, of the context's own size   |
| `latents_0`, ...          | float32 `[N, ...]`     | one tensor a group                       |
| `seed`                    | int32 `[N, 2]`         | row i of `sample(n, seed=s)` has (s, i)  |
| `mask`                    | float32 `[N, H, W]`    | 1 for a pixel that is seen, 0 for hidden |
| `temperature`             | float32 `[N]`          | scales the prior's standard deviations   |
| `tolerance`               | float32 `[N]`          | pixel units, within the model's range    |
| `log_prob`                | float32 `[N]`          | nats                                     |
| `image_bytes`             | string `[N]`           | PNG or JPEG; as an output PNG            |
| `reconstruction_bytes`    | string `[N]`           | PNG                                      |
| `rmse`                    | float32 `[N]`          | pixel units, before rounding to 8 bits   |
| `error`                   | string `[N]`           | "" for a good row                        |

Those of a conditional model also take `context`, all of them, and those of a model with a range of
tolerances `tolerance`. Latents are posterior means, images are the likelihood's means. A model
whose likelihood has no mean (PixelVAE) draws pixels, and `reconstruct` latents too: there
`reconstruct`, `reconstruct_encoded` and `decode` also take `seed`. What a tolerance promises is the
root mean squared error over the data with latents drawn; that of posterior means is less.
The two `_encoded` ones are there for images of 1 or 3 channels, and `fill_in` for models that take
masks.

Everything has the leading batch dimension and a row's answer depends on its own inputs alone, so
that a server may group rows as it likes. A row with a faulty value (NaN, out of range, bytes that
are no image, numbers so large that no answer is finite) gets an `error` that begins with
`VAE Zoo:`, NaN in its float outputs and "" in its strings; the other rows, which may be other
clients', get their answers. A request of faulty rows alone fails with INVALID_ARGUMENT, as does one
of a wrong rank or size.
"""

import dataclasses

import tensorflow as tf

from zoo import checks, random
from zoo.serving import encoded_images
from zoo.serving.signature import Signature

__all__ = ["make_classifier_signatures", "make_sampler_signatures", "make_signatures"]


def make_signatures(model, log_prob_samples=16):
    """Makes the signatures of a model.

    Args:
        model: A built `zoo.LatentImageModel`.
        log_prob_samples: Number of importance samples of `log_prob`, at least 1.

    Returns:
        A dict of name to `Signature`; the first will also be `serving_default`, see `export`.

    Raises:
        ValueError: `log_prob_samples` is not an int of at least 1.

    Example:
        >>> signatures = zoo.serving.make_signatures(model, log_prob_samples=64)
        >>> signatures["encode"].inputs
    """
    why = "each request to `log_prob` draws that many latents an image"
    checks.integer("log_prob_samples", log_prob_samples, why=why)
    image = {"image": _spec("image", model.image_shape)}
    seed = {"seed": _spec("seed", (2,), tf.int32)}
    temperature = {"temperature": _spec("temperature", ())}
    besides = {}
    if model.context_shape is not None:
        besides["context"] = _spec("context", model.context_shape)
    if model.tolerances is not None:
        besides["tolerance"] = _spec("tolerance", ())
    latents = _latent_specs(model)
    drawn = {} if model.has_mean else seed

    def reconstruct(given):
        noise = _noise(given)
        images = model.reconstruct(given["image"], seed=noise, **_besides(given))
        return {"reconstruction": images}

    def encode(given):
        return dict(zip(latents, model.encode(given["image"], **_besides(given)), strict=True))

    def decode(given):
        likelihood = model.decode(tuple(given[name] for name in latents), **_besides(given))
        return {"image": model.images_of(likelihood, _noise(given))}

    def sample(given):
        return {"image": model.sample_rows(given["seed"], given["temperature"], **_besides(given))}

    def fill_in(given):
        images, mask = given["image"], given["mask"]
        return {"reconstruction": model.reconstruct(images, seed=_noise(given), mask=mask)}

    def log_prob(given):
        images, seeds = given["image"], given["seed"]
        bound = model.log_prob_rows(images, seeds, log_prob_samples, **_besides(given))
        return {"log_prob": bound}

    def signature(inputs, answer, image_shape=None):
        return Signature(inputs, answer, image_shape, model.tolerances)

    reconstruct, sample = _stored_once(reconstruct), _stored_once(sample)
    signatures = {
        "reconstruct": signature(image | besides | drawn, reconstruct),
        "encode": signature(image | besides, encode),
        "decode": signature(latents | besides | drawn, decode),
        "sample": signature(seed | temperature | besides, sample),
        "log_prob": signature(image | seed | besides, log_prob),
    }
    if encoded_images.can_encode(model.image_shape):
        inputs = {"image_bytes": _spec("image_bytes", (), tf.string)} | besides | drawn
        answer = _reconstruct_encoded(reconstruct)
        signatures |= {
            "reconstruct_encoded": signature(inputs, answer, model.image_shape),
            "sample_encoded": _sample_encoded(signatures["sample"]),
        }
    if model.takes_mask:
        mask = {"mask": _spec("mask", model.image_shape[:2])}
        signatures["fill_in"] = signature(image | mask | seed, fill_in)
    return signatures


def _reconstruct_encoded(reconstruct):
    def answer(given):
        reconstruction = reconstruct(given)["reconstruction"]
        square = tf.math.squared_difference(reconstruction, given["image"])
        return {
            "reconstruction_bytes": encoded_images.encode(reconstruction),
            "rmse": tf.sqrt(tf.reduce_mean(square, axis=(1, 2, 3))),
        }

    return answer


def _sample_encoded(sample):
    def answer(given):
        return {"image_bytes": encoded_images.encode(sample.answer(given)["image"])}

    return dataclasses.replace(sample, answer=answer)


def _stored_once(answer):
    """Lets two signatures that call `answer` share one copy of it in the graph."""
    in_graph = tf.function(answer, autograph=False)
    return lambda given: answer(given) if tf.executing_eagerly() else in_graph(given)


def make_classifier_signatures(model):
    """Makes the signatures of a classifier.

    | signature                     | inputs  | outputs         |
    |-------------------------------|---------|-----------------|
    | `serving_default`, `classify` | `image` | `probabilities` |
    | `features`                    | `image` | `features`      |

    `probabilities` are float32 `[N, K]`, `features` float32 `[N, F]` of no unit. Both also give
    `error`.

    Args:
        model: A `zoo.ConvClassifier`.

    Returns:
        As `make_signatures` does.

    Example:
        >>> list(zoo.serving.make_classifier_signatures(classifier))
        ['classify', 'features']
    """
    image = {"image": _spec("image", model.image_shape)}
    return {
        "classify": Signature(image, lambda given: {"probabilities": model(given["image"])}),
        "features": Signature(image, lambda given: {"features": model.features(given["image"])}),
    }


def make_sampler_signatures(model):
    """Makes the signatures of a model that draws images and has no latents.

    | signature                   | inputs                | outputs       |
    |-----------------------------|-----------------------|---------------|
    | `serving_default`, `sample` | `seed`, `temperature` | `image`       |
    | `sample_encoded`            | `seed`, `temperature` | `image_bytes` |

    Both also give `error`; the second is there for images of 1 or 3 channels.

    Args:
        model: A built `zoo.InfusionModel` or `zoo.Diffusion`.

    Returns:
        As `make_signatures` does.

    Example:
        >>> list(zoo.serving.make_sampler_signatures(zoo.InfusionModel((28, 28, 1))))
        ['sample', 'sample_encoded']
    """
    inputs = {"seed": _spec("seed", (2,), tf.int32), "temperature": _spec("temperature", ())}

    def sample(given):
        return {"image": model.sample_rows(given["seed"], given["temperature"])}

    signatures = {"sample": Signature(inputs, _stored_once(sample))}
    if encoded_images.can_encode(model.image_shape):
        signatures["sample_encoded"] = _sample_encoded(signatures["sample"])
    return signatures


def _noise(given):
    """The noise of the rows' seeds, or None for a signature that draws nothing."""
    return random.RowNoise(given["seed"]) if "seed" in given else None


def _besides(given):
    """What of the inputs every method of the model takes under the same name."""
    return {name: given[name] for name in ("context", "tolerance") if name in given}


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
