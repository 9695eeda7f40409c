"""The architectures: networks and distributions, each a `zoo.LatentImageModel`."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "VAE Zoo runs on Keras with TensorFlow. Set the environment variable KERAS_BACKEND to "
        f"tensorflow before Keras is imported. Received: {keras.backend.backend()!r}"
    )

from zoo.models.charts import ChartVAE
from zoo.models.conv_draw import ConvDRAW
from zoo.models.conv_vae import ConvVAE
from zoo.models.diffusion import Diffusion
from zoo.models.energy_prior import EnergyPrior
from zoo.models.energy_vae import EnergyVAE
from zoo.models.fitted_prior import with_mixture_prior
from zoo.models.infusion_model import InfusionModel
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.mixture_prior import MixturePrior
from zoo.models.nvp_vae import NVPVAE
from zoo.models.piecewise_affine import PiecewiseAffineVAE
from zoo.models.pixel_vae import PixelVAE
from zoo.models.record import Record
from zoo.models.sequential_vae import SequentialVAE
from zoo.models.short_run_model import ShortRunModel
from zoo.models.tilted_model import TiltedModel, with_energy_prior

__all__ = [
    "NVPVAE",
    "ChartVAE",
    "ConvDRAW",
    "ConvVAE",
    "Diffusion",
    "EnergyPrior",
    "EnergyVAE",
    "InfusionModel",
    "LatentImageModel",
    "MixturePrior",
    "PiecewiseAffineVAE",
    "PixelVAE",
    "Record",
    "SequentialVAE",
    "ShortRunModel",
    "TiltedModel",
    "with_energy_prior",
    "with_mixture_prior",
]
