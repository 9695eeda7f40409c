"""The architectures: networks and distributions, each a `zoo.LatentImageModel`."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "VAE Zoo runs on Keras with TensorFlow. Set the environment variable KERAS_BACKEND to "
        f"tensorflow before Keras is imported. Received: {keras.backend.backend()!r}"
    )

from zoo.models.conv_draw import ConvDRAW
from zoo.models.conv_vae import ConvVAE
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Record

__all__ = ["ConvDRAW", "ConvVAE", "LatentImageModel", "Record"]
