"""What GECO may bound. Every constraint is feasible where its value is at most 0."""

from zoo.constraints.classification_accuracy import ClassificationAccuracy
from zoo.constraints.constraint import Constraint
from zoo.constraints.custom import Custom
from zoo.constraints.feature_reconstruction_error import FeatureReconstructionError
from zoo.constraints.patch_correlation import PatchCorrelation
from zoo.constraints.reconstruction_error import ReconstructionError

__all__ = [
    "ClassificationAccuracy",
    "Constraint",
    "Custom",
    "FeatureReconstructionError",
    "PatchCorrelation",
    "ReconstructionError",
]
