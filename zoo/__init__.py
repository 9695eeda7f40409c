"""VAE Zoo: latent-variable image models for Keras that do what you ask.

Say what a model must achieve, "reconstruct to within 0.1 RMS, then compress as much as you can",
instead of tuning the weights of its loss.
"""

import importlib

from zoo.keras_registration import register_with_keras
from zoo.onednn import use_onednn

_HOMES = {
    "ChartVAE": "zoo.models",
    "ConvClassifier": "zoo.classifiers",
    "ConvDRAW": "zoo.models",
    "ConvFeatures": "zoo.classifiers",
    "ConvVAE": "zoo.models",
    "Diffusion": "zoo.models",
    "ELBO": "zoo.objectives",
    "EnergyPrior": "zoo.models",
    "EnergyVAE": "zoo.models",
    "GECO": "zoo.objectives",
    "InfoVAE": "zoo.objectives",
    "InfusionModel": "zoo.models",
    "KeepBestFeasible": "zoo.objectives",
    "LatentImageModel": "zoo.models",
    "MixturePrior": "zoo.models",
    "NVPVAE": "zoo.models",
    "PiecewiseAffineVAE": "zoo.models",
    "PixelVAE": "zoo.models",
    "Record": "zoo.models",
    "SequentialVAE": "zoo.models",
    "ShortRunModel": "zoo.models",
    "SimpleDiffusion": "zoo.objectives",
    "Unregularised": "zoo.objectives",
    "describe": "zoo.hub",
    "list_models": "zoo.hub",
    "load": "zoo.hub",
    "saved_model_path": "zoo.hub",
    "with_energy_prior": "zoo.models",
    "with_mixture_prior": "zoo.models",
}
_SUBPACKAGES = (
    "classifiers",
    "codec",
    "constraints",
    "distributions",
    "divergences",
    "models",
    "objectives",
    "random",
    "sampling",
    "schedules",
    "serving",
)

__all__ = sorted([*_HOMES, *_SUBPACKAGES])
__version__ = "0.1.0"


def __getattr__(name):
    # Loaded when first used (PEP 562): `import zoo` does not wait for TensorFlow.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return __all__


use_onednn()
register_with_keras(_SUBPACKAGES)
