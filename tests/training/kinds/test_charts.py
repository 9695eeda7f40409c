"""What a run does for a `zoo.ChartVAE` before it trains."""

import numpy as np

from tests.training.tiny import tiny_recipe
from training import datasets
from training.kinds.latent_model import LatentModel


class Pretrained:
    """Keeps the images that it is pretrained on."""

    def pretrain(self, images):
        self.images = images


def test_charts_get_their_places_among_training_images():
    data = datasets.load_for(tiny_recipe())
    model = Pretrained()
    LatentModel().begin(model, data)
    assert model.images.shape == (1000, 8, 8, 1)
    again = Pretrained()
    LatentModel().begin(again, data)
    np.testing.assert_array_equal(again.images, model.images)
    LatentModel().begin(object(), data)  # Of other models there is nothing to do.
