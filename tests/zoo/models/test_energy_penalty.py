"""`EnergyPrior(penalty=...)`, which keeps energies from running away."""

import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import assert_close
from zoo import random

pytestmark = pytest.mark.usefixtures("uncompiled")


def test_a_penalty_holds_f_by_its_squares_and_moves_no_number(images):
    plain, held = (
        zoo.ConvVAE(
            contract.IMAGE_SHAPE,
            3,
            filters=(4,),
            hidden_units=6,
            prior=zoo.EnergyPrior((4,), num_steps=2, num_temperatures=2, penalty=penalty),
        )
        for penalty in (0.0, 0.5)
    )
    for weight in plain.energy.trainable_weights:
        weight.assign(weight + 0.3)
    held.set_weights(plain.get_weights())
    gradients = []

    def noise():
        return random.StepNoise(random.as_seed(4), len(images))

    for model in (plain, held):
        with tf.GradientTape() as tape:
            record = model.infer(images, seed=3)
            rate = model._compare_with_prior(record, noise()).rate
        assert_close(rate, record.rate)
        gradients.append(tape.gradient(rate, model.trainable_weights))
    with tf.GradientTape() as tape:
        draws = plain._chain(noise(), tf.ones(len(images))).latents
        ends = tuple(map(tf.stop_gradient, record.latents)), draws
        squares = 0.5 * sum(plain.energy.exponent(each) ** 2 for each in ends)
    gradients.append(tape.gradient(squares, plain.trainable_weights))
    zeros = [tf.zeros_like(weight) for weight in plain.trainable_weights]
    filled = [
        [zero if gradient is None else gradient for gradient, zero in zip(each, zeros, strict=True)]
        for each in gradients
    ]
    for before, after, share in zip(*filled, strict=True):
        assert_close(after - before, share, 1e-5)
