"""What a training step minimises: each takes a model's named terms and gives one scalar."""

from zoo.objectives.best_feasible import KeepBestFeasible
from zoo.objectives.elbo import ELBO
from zoo.objectives.geco import GECO
from zoo.objectives.info_vae import InfoVAE
from zoo.objectives.objective import Objective
from zoo.objectives.simple_diffusion import SimpleDiffusion
from zoo.objectives.unregularised import Unregularised

__all__ = [
    "ELBO",
    "GECO",
    "InfoVAE",
    "KeepBestFeasible",
    "Objective",
    "SimpleDiffusion",
    "Unregularised",
]
