"""A Keras model that a constraint looks through and never trains."""

import contextlib
import json

import keras
import numpy as np
import tensorflow as tf

__all__ = ["FrozenNetwork", "example_network", "load_classifier"]


@keras.saving.register_keras_serializable("zoo.constraints")
class FrozenNetwork(keras.layers.Layer):
    """A copy of a Keras model as it is now, run in inference mode, whose weights never move.

    The model handed over stays as it is and can be trained on: the copy does not follow. The copy
    is saved with the objective that uses it, its architecture as configuration and its weights
    with the objective's state. Gradients flow through it to its input.

    Args:
        network: A built Keras model of images, float32 `[B, H, W, C]` in [0, 1], with one output.

    Raises:
        ValueError: It is not a built Keras model, or one that cannot be made again from its
            configuration, so that it could not be saved.
    """

    def __init__(self, network, **kwargs):
        kwargs = {"name": "frozen_network", "dtype": "float32"} | kwargs
        super().__init__(**kwargs)
        # The configuration is what `from_config` hands over: the weights are loaded later.
        is_config = isinstance(network, dict)
        config = network if is_config else _serialize(network)
        self.network = _make(config)
        if not is_config:
            _copy_weights(network, self.network)
        self.network.trainable = False
        # Past Keras's tracker, which would wrap it.
        object.__setattr__(self, "_network_config", config)
        self.built = True

    def call(self, images):
        """Returns the network's output, float32."""
        return tf.cast(self.network(images, training=False), tf.float32)

    def output_shape(self, image_shape):
        """Returns the shape of one image's output.

        Raises:
            ValueError: The network does not take such images, or has several outputs.
        """
        images = keras.KerasTensor((None, *image_shape))
        try:
            output = self.network(images, training=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The network {self.network.name!r} must take the model's images, "
                f"[batch, {', '.join(map(str, image_shape))}]. Hand over one made for this size, "
                f"or begin it with keras.layers.Resizing. {error}"
            ) from error
        if not isinstance(output, keras.KerasTensor):
            raise ValueError(
                f"The network {self.network.name!r} must have one output. Received: {output}. "
                "Make a keras.Model of the output that is wanted."
            )
        return tuple(output.shape[1:])

    def get_config(self):
        """Returns the network's configuration."""
        return {"name": self.name, "dtype": "float32", "network": self._network_config}

    @classmethod
    def from_config(cls, config):
        """Makes the network from `get_config`; its weights are to be loaded."""
        return cls(**config)


def load_classifier(name_or_path):
    """Loads a `zoo.ConvClassifier` to look through, as `zoo.load` does.

    Raises:
        ValueError: There is none there, or it cannot be read.
    """
    import zoo  # All of the zoo stands above this, but a name means one of its models.

    try:
        classifier = zoo.load(name_or_path)
    except OSError as error:
        raise ValueError(str(error)) from error
    if not isinstance(classifier, zoo.ConvClassifier):
        names = [name for name in zoo.list_models() if name.startswith("classifier_")]
        raise ValueError(
            f"A constraint looks at images through a classifier, and {name_or_path} is a "
            f"{type(classifier).__name__}. Choose from {', '.join(names)}."
        )
    return classifier


def example_network(image_shape):
    """Returns a linear classifier of two classes, for the examples of constraints."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    network = keras.Sequential([keras.Input(image_shape), *layers])
    rng = np.random.default_rng(6)
    network.set_weights([rng.normal(size=w.shape) for w in network.weights])
    return network


def _serialize(network):
    if not isinstance(network, keras.layers.Layer) or not network.built:
        raise ValueError(
            "Expected a built Keras model, whose weights will stay as they are: call it on a batch "
            f"of images once before handing it over. Received: {network!r}"
        )
    config = dict(keras.saving.serialize_keras_object(network))
    config.pop("compile_config", None)  # It is never trained, so its optimiser would be ballast.
    with _explained():
        return json.loads(json.dumps(config))  # As it will be when it is read again.


def _make(config):
    with _explained():
        return keras.saving.deserialize_keras_object(config)


@contextlib.contextmanager
def _explained():
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The network must be saved with the objective, and cannot be made again from its "
            "configuration. Register its classes (@keras.saving.register_keras_serializable), give "
            f"them get_config, and use no Lambda layers. {error}"
        ) from error


def _copy_weights(network, copy):
    try:
        copy.set_weights(network.get_weights())
    except ValueError as error:
        raise ValueError(
            f"The network {network.name!r}, made again from its configuration, has other weights "
            f"than it: its get_config or get_build_config leaves something out. {error}"
        ) from error
