"""The zoo's side of the benchmark: `zoo.ConvDRAW`'s training step, as `model.fit` runs it."""

import time

import keras
import numpy as np
import tensorflow as tf

import zoo


def make_step(settings, variant, images):
    """Makes one training step as a function without arguments.

    Args:
        settings: `num_steps` and `filters`.
        variant: Words among "geco", "elbo", "float32", "bfloat16".
        images: NumPy `[B, H, W, 1]` in [0, 1].
    """
    keras.config.set_dtype_policy("mixed_bfloat16" if "bfloat16" in variant else "float32")
    keras.utils.set_random_seed(0)
    model = zoo.ConvDRAW(images.shape[1:], **settings)
    tolerance = zoo.constraints.ReconstructionError(tolerance=0.1)
    objective = zoo.ELBO() if "elbo" in variant else zoo.GECO(tolerance)
    model.compile(keras.optimizers.Adam(1e-3), objective=objective)
    batches = iter(tf.data.Dataset.from_tensors(images).repeat())
    model.make_train_function()

    def step():
        return float(model.train_function(batches)["loss"])

    return step


def measure(settings, images, noise, multiplier):
    """Computes a new model's weights, and its rate, squared error and gradients.

    Arguments and result as in `conv_draw_torch.measure`.

    Returns:
        The weights by name, and the dict of results.
    """
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(0)
    model = zoo.ConvDRAW(images.shape[1:], **settings)
    with tf.GradientTape() as tape:
        record = model.infer(images, seed=_GivenNoise(noise))
        rate = tf.reduce_mean(record.rate)
        squared_error = tf.reduce_mean(record.squared_error)
        loss = rate + multiplier * squared_error
    names = [
        w.path.removeprefix(f"{model.name}/").replace("/", ".") for w in model.trainable_weights
    ]
    gradients = tape.gradient(loss, model.trainable_weights)
    weights = {n: w.numpy() for n, w in zip(names, model.trainable_weights, strict=True)}
    result = {n: g.numpy() for n, g in zip(names, gradients, strict=True)}
    return weights, result | {"rate": float(rate), "squared_error": float(squared_error)}


class _GivenNoise:
    """Stands in for `zoo.random` noise."""

    def __init__(self, values):
        self._values = values

    def normal(self, row_shape, stream=0):
        """Returns the values in the shape that the model asks for."""
        del stream
        return tf.reshape(tf.constant(self._values), [-1, *row_shape])


def convolution_peak(dtype, repeats=12):
    """Measures the most GFLOP/s of a large 5x5 convolution, 128 to 128 channels on 7x7."""
    shape = (512, 7, 7, 128)
    inputs = tf.cast(tf.random.normal(shape), dtype)
    kernel = tf.cast(tf.random.normal((5, 5, 128, 128)), dtype)
    convolve = tf.function(lambda: tf.nn.conv2d(inputs, kernel, 1, "SAME"))
    convolve()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        convolve()[0, 0, 0, 0].numpy()
        seconds.append(time.perf_counter() - start)
    return 2e-9 * np.prod(shape) * 25 * 128 / min(seconds)


def versions():
    """Returns the versions of what was measured."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "zoo": zoo.__version__}
