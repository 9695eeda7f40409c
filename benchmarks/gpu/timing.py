"""Seconds of training steps, of sampling, and of the fastest products of a device."""

import functools
import statistics
import time

import tensorflow as tf

from benchmarks.architectures import forward_operations
from benchmarks.gpu.models import make_images, make_model, sampler, train_function

DTYPES = ("float32", "mixed_bfloat16")
SAMPLED_IMAGES = (1, 64)


def seconds_of(launch, window):
    """Returns the median seconds of a call, over five windows of so many seconds."""
    _wait(launch())
    start = time.perf_counter()
    _wait(launch())
    calls = max(1, round(window / (time.perf_counter() - start)))
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls):
            result = launch()
        _wait(result)
        taken.append((time.perf_counter() - start) / calls)
    return statistics.median(taken)


def _wait(result):
    """Waits for the device: what was launched before has then been done, too."""
    float(tf.reshape(tf.nest.flatten(result)[0], [-1])[0])


def peaks(size, window):
    """Measures the most GFLOP/s of a large matrix product or convolution, by kind of product."""
    result = {}
    for name, dtype, tf32 in (
        ("float32 without TF32", "float32", False),
        ("float32", "float32", True),
        ("mixed_bfloat16", "bfloat16", True),
    ):
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        matrix = tf.cast(tf.random.normal([size, size]), dtype)
        images = tf.cast(tf.random.normal([size // 16, 32, 32, 256]), dtype)
        kernel = tf.cast(tf.random.normal([3, 3, 256, 256]), dtype)
        product = tf.function(lambda a: tf.matmul(a, a))
        convolution = tf.function(lambda a, b: tf.nn.conv2d(a, b, 1, "SAME"))
        operations = 2 * images.shape.num_elements() * 9 * 256
        result[name] = {
            "product": 2e-9 * size**3 / seconds_of(lambda p=product, m=matrix: p(m), window),
            "convolution": 1e-9
            * operations
            / seconds_of(lambda c=convolution, i=images, k=kernel: c(i, k), window),
        }
    return result


class Timers:
    """What there is to time of a recipe, each run once, so that it is compiled.

    Args:
        recipe: The `Recipe`.
        batch_sizes: Of the training steps.
    """

    def __init__(self, recipe, batch_sizes):
        self._launches = []
        for dtype in DTYPES:
            model = make_model(recipe, dtype)
            forward = 3e-9 * forward_operations(model, make_images(recipe, 1))
            for jit_compile in (False, True):
                variant = {"dtype": dtype, "jit_compile": jit_compile}
                for num in batch_sizes:
                    step = functools.partial(train_function, model, recipe, num, jit_compile)
                    row = variant | {"what": "training", "images": num, "gigaflops": num * forward}
                    self._add(row, step)
                for num in SAMPLED_IMAGES:
                    draw = functools.partial(sampler, model, num, jit_compile)
                    row = variant | {"what": "sampling", "images": num}
                    self._add(row, lambda draw=draw: functools.partial(draw(), tf.constant([0, 0])))

    def _add(self, row, make):
        start = time.perf_counter()
        try:
            launch = make()
            _wait(launch())
        except (tf.errors.OpError, ValueError, TypeError) as error:
            row, launch = row | {"failed": str(error).strip().splitlines()[0]}, None
        self._launches.append((row | {"seconds_to_prepare": time.perf_counter() - start}, launch))

    def rows(self, window):
        """Yields a row for each, with the seconds of a call and images a second."""
        for row, launch in self._launches:
            if launch is None:
                yield row
                continue
            seconds = seconds_of(launch, window)
            yield row | {"seconds": seconds, "images_per_second": row["images"] / seconds}
