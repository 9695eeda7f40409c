import logging
import types

import numpy as np
import pytest
import tensorflow as tf

from zoo.models.chain_divergence import is_stiff, warn_of_divergence

GIVEN = ("posterior", 0.6, 0.4)
SETTING = "Make the model with step_size=%.2g."


def test_a_chain_is_stiff_if_its_step_is_too_large_or_it_left_the_numbers():
    chain = types.SimpleNamespace(stable_step=tf.constant([0.5, 0.4, 0.3, 0.0, np.nan]))
    assert is_stiff(chain, 0.4).numpy().tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("stable", "advised"), [(0.3, "0.3"), (0.0, "0.2"), (np.nan, "0.2"), (5.0, "0.2")]
)
def test_most_chains_stiff_is_told_with_a_step_that_helps(caplog, stable, advised):
    """Half the step where the mean of stable ones says nothing, never 0 or a larger one."""
    with caplog.at_level(logging.WARNING):
        warn_of_divergence(*GIVEN, lambda: stable, SETTING)
    assert caplog.messages == [
        "The Langevin chains of the posterior diverge: 60% of them end where a step of 0.4 is too "
        f"large to be stable. Make the model with step_size={advised}."
    ]


def test_few_stiff_chains_are_not_worth_a_word_nor_the_search_for_a_step(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_divergence("prior", 0.5, 0.4, lambda: pytest.fail("searched"), SETTING)
    assert not caplog.messages
