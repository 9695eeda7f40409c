"""Feature-wise linear modulation (Perez et al. 2018): a condition scales and shifts channels."""

import keras
import tensorflow as tf

__all__ = ["ModulatedNetwork", "modulate", "rescale"]


def modulate(features, modulation):
    """Returns features · (1 + γ) + β, channel by channel.

    Args:
        features: `[..., B, n]`.
        modulation: (1 + γ, β), float32 `[B, n]` each; None leaves the features as they are.
    """
    if modulation is None:
        return features
    return rescale(features, modulation) + tf.cast(modulation[1], features.dtype)


def rescale(features, modulation):
    """Returns features · (1 + γ): one term of a sum, where β is in the other."""
    return features if modulation is None else features * tf.cast(modulation[0], features.dtype)


class ModulatedNetwork(keras.layers.Layer):
    """A network whose hidden channels a condition scales and shifts before their activation.

    Args:
        network: A built `keras.Sequential`, whose layers it takes over. A layer with the activation
            is hidden; a layer without weights after it, which reshapes, comes before the
            modulation.
        activation: Name of the hidden layers' activation.

    Attributes:
        sizes: Number of channels of each hidden layer, a tuple.
    """

    def __init__(self, network, activation):
        super().__init__(name=network.name, autocast=False)
        self._activation = keras.activations.get(activation)
        self.steps = list(network.layers)
        self._num_hidden_steps = []  # Where each hidden layer's features are ready.
        for number, layer in enumerate(self.steps, start=1):
            if getattr(layer, "activation", None) is self._activation:
                layer.activation = keras.activations.linear
                self._num_hidden_steps.append(number)
            elif isinstance(layer, keras.layers.Reshape):
                self._num_hidden_steps[-1] = number
        self.sizes = tuple(self.steps[n - 1].output.shape[-1] for n in self._num_hidden_steps)
        self.built = True

    def get_config(self):
        """Returns the name alone: the model that it belongs to makes it anew."""
        return {"name": self.name}

    def call(self, features, modulations):
        """Returns the network's output, for (1 + γ, β) of each hidden layer."""
        of_steps = dict(zip(self._num_hidden_steps, modulations, strict=True))
        for number, layer in enumerate(self.steps, start=1):
            features = layer(features)
            if number in of_steps:
                maps = [1] * (features.shape.rank - 2)
                modulation = [tf.reshape(m, [-1, *maps, m.shape[-1]]) for m in of_steps[number]]
                features = self._activation(modulate(features, modulation))
        return features
