"""The architectures: networks and distributions, each a `zoo.LatentImageModel`."""

from zoo.models.conv_draw import ConvDRAW
from zoo.models.conv_vae import ConvVAE
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.record import Record

__all__ = ["ConvDRAW", "ConvVAE", "LatentImageModel", "Record"]
