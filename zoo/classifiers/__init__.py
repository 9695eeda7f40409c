"""The small classifiers that constraints and measures look at images through."""

from zoo.classifiers.conv_classifier import ConvClassifier
from zoo.classifiers.conv_features import ConvFeatures

__all__ = ["ConvClassifier", "ConvFeatures"]
