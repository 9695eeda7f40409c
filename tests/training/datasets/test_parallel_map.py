"""Mapping a data set."""

import pytest
import tensorflow as tf

from training.datasets.parallel_map import parallel_map


def test_elements_keep_their_order():
    doubled = parallel_map(tf.data.Dataset.range(100), lambda number: 2 * number)
    assert list(doubled.as_numpy_iterator()) == list(range(0, 200, 2))


def test_a_function_is_traced_as_it_stands():
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        parallel_map(tf.data.Dataset.range(3), lambda number: number if number > 0 else 0)
