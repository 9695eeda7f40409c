"""The classifiers of the zoo as judges of images."""

import numpy as np
import tensorflow as tf

import zoo
from zoo.errors import UsageError

__all__ = [
    "check",
    "features_of",
    "find_classifier",
    "predict_classes",
    "predict_probabilities",
]


def find_classifier(classifier, data):
    """Returns a classifier of the data set's images.

    Args:
        classifier: A `zoo.ConvClassifier`, the name of a pretrained one, or None for the
            pretrained one of the data set.
        data: An `ImageDataset`.

    Raises:
        UsageError: There is none, or it takes images of another shape.
    """
    name = f"classifier_{data.name}" if classifier is None else classifier
    if isinstance(name, str):
        if name not in zoo.list_models():
            raise UsageError(
                f"There is no pretrained {name} to judge images of {data.name}. Train one with "
                "`vae-zoo train classifier_digits --dataset NAME` and pass it from Python as "
                "classifier=zoo.load(path)."
            )
        classifier = zoo.load(name)
    if tuple(classifier.image_shape) != tuple(data.image_shape):
        raise UsageError(
            f"The classifier takes images of shape {tuple(classifier.image_shape)}, but those of "
            f"{data.name} have shape {tuple(data.image_shape)}."
        )
    return classifier


def check(model, data):
    """Raises UsageError if no pretrained classifier knows the images."""
    find_classifier(None, data)


def predict_classes(classifier, images):
    """Returns the likeliest class of images `[N, H, W, C]`, uint8 or in pixel units: ints `[N]`."""
    return predict_probabilities(classifier, images).argmax(axis=1)


def predict_probabilities(classifier, images):
    """Returns the probabilities of the classes of images, likewise: float32 `[N, K]`."""
    return np.asarray(classifier(_as_shown(images)))


def features_of(classifier, images):
    """Returns the classifier's features of images, float64 `[N, F]`."""
    return np.float64(classifier.features(_as_shown(images)))


def _as_shown(images):
    """Rounds images to 256 levels, as a picture of them would: samples may lie outside [0, 1]."""
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return images
    return tf.cast(tf.round(255.0 * tf.clip_by_value(images, 0.0, 1.0)), tf.uint8)
