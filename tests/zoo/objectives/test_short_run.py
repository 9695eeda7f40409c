"""GECO meets its tolerance in a short run: 1,000 steps on real data, test images, no tuning."""

import os
from pathlib import Path

import keras
import pytest

import zoo
from training import datasets


@pytest.mark.slow
@pytest.mark.parametrize(("tolerance", "most_nats"), [(0.1, 43.0), (0.15, 17.0)])
def test_a_short_run_on_mnist_ends_within_3_percent_of_the_tolerance(tolerance, most_nats):
    if not (Path(os.environ.get("TFDS_DATA_DIR", "/nowhere")) / "mnist").is_dir():
        pytest.skip("TFDS_DATA_DIR has no prepared MNIST")
    keras.utils.set_random_seed(0)
    data = datasets.load("mnist")
    images, test_images = (data.arrays(split)["image"] for split in ("train", "test"))
    model = zoo.ConvVAE(data.image_shape, latent_dim=32)
    constraint = zoo.constraints.ReconstructionError(tolerance)
    model.compile(keras.optimizers.Adam(1e-3), objective=zoo.GECO(constraint), seed=0)
    model.fit(images[:20_000], batch_size=128, epochs=7, verbose=0)  # 1,099 steps.
    for _ in range(3):
        logs = model.evaluate(test_images, batch_size=500, verbose=0, return_dict=True)
        assert logs["rmse"] == pytest.approx(tolerance, rel=0.03)
        assert logs["rate"] < most_nats
        model.fit(images[:20_000], batch_size=128, epochs=1, verbose=0)
