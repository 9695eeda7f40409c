"""Maps a data set, on as many cores as there are."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["parallel_map"]


def parallel_map(data: tf.data.Dataset, function: Callable) -> tf.data.Dataset:
    """Returns the data set of `function(element)`, in order.

    The function is traced as it stands. AutoGraph would read the source of it and of all that it
    calls, a second or more each time, and find no branch or loop over tensors to translate.
    """
    function = tf.autograph.experimental.do_not_convert(function)
    return data.map(function, num_parallel_calls=tf.data.AUTOTUNE)
