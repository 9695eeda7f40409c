"""`pretrain` of a `zoo.ChartVAE`, whose many steps run as a graph."""

import numpy as np
import pytest

from tests.zoo.models.charts.test_chart_vae import NUM_CHARTS, make_model
from zoo.errors import BatchError


def test_pretraining_gives_each_chart_the_image_that_it_was_trained_on(images):
    model = make_model()
    chosen = model.pretrain(images, steps=40, learning_rate=0.02)
    assert chosen[0] == 0
    assert len(set(chosen.tolist())) == NUM_CHARTS
    own = np.diag(model.chart_probabilities(images[chosen]))
    assert own.min() > 0.9
    middle = np.einsum("nnd->nd", model._posteriors(model.encoder(images[chosen])).loc)
    assert np.abs(middle).max() < 1.0


def test_pretraining_says_of_bad_pixels_what_training_says(images):
    with pytest.raises(BatchError, match=r"^images given as floats must lie in \[0, 1\].*by 255"):
        make_model().pretrain(255.0 * np.asarray(images, np.float32) + 2.0)


def test_pretraining_needs_an_image_a_chart(images):
    with pytest.raises(BatchError, match=r"each of 3 charts an image of its own. Received 2"):
        make_model().pretrain(images[:2])
