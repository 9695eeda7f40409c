"""The contrastive bound against the exact information of a linear model."""

import numpy as np
import pytest

import zoo
from tests.training.evaluation.linear_model import LinearModel
from training.evaluation import contrastive_information


@pytest.fixture(scope="module")
def linear():
    return LinearModel()


@pytest.fixture(scope="module")
def data(linear):
    return linear.data()


def test_it_is_tight_where_the_decoder_fits_the_posterior(linear, data):
    found = contrastive_information.measure(linear.model, data, num_images=500)
    error = 4 * found["information_error"]
    assert error < 0.35
    assert found["power"] == 1
    # 500 images hold 1.96 nats with hardly any loss to the cap of 6.2.
    assert found["information_at_least"] == pytest.approx(linear.mutual_information(), abs=error)


def test_a_posterior_that_is_not_the_decoders_is_no_reason_for_less_than_nothing():
    linear = LinearModel(gains=(1.5, 1.0))
    linear.move_posterior(stretch=0.5, shift=0.0)
    found = contrastive_information.measure(linear.model, linear.data(), num_images=200)
    assert found["power"] < 1
    error = 4 * found["information_error"]
    assert 1.0 < found["information_at_least"] < linear.mutual_information() + error


def test_few_images_cap_it(linear, data):
    found = contrastive_information.measure(linear.model, data, num_images=4)
    assert found["information_at_least"] < found["log_num_images"] == pytest.approx(np.log(4))


@pytest.mark.parametrize("inference", ["encoder", "short_run"])
def test_a_decoder_that_ignores_its_latents_tells_nothing(data, inference):
    networks = {"filters": 4, "num_blocks": 1, "encoder_filters": (2,), "hidden_units": 4}
    model = zoo.PixelVAE((4, 4, 1), 2, inference=inference, num_steps=2, **networks)
    for weight in model.decoder.trainable_weights:
        if weight.shape[0] == 2 and len(weight.shape) == 2:  # From the two latents.
            weight.assign(np.zeros(weight.shape))
    found = contrastive_information.measure(model, data, num_images=20)
    assert found["information_at_least"] == pytest.approx(0.0, abs=1e-4)
