"""Which layers of a model are frozen, `trainable = False`, as numbers that can be saved."""

__all__ = ["freeze", "frozen_layers", "frozen_weights"]


def frozen_layers(model):
    """Returns the numbers of the frozen layers, with the model 0 and every part before its own."""
    layers = model._flatten_layers()
    return [number for number, layer in enumerate(layers) if not layer.trainable]


def frozen_weights(model):
    """Returns the weights that would learn if no layer were frozen, a list."""
    layers = model._flatten_layers()
    return [w for layer in layers if not layer.trainable for w in layer._trainable_variables]


def freeze(model, numbers):
    """Freezes the layers of these numbers and no others."""
    for number, layer in enumerate(model._flatten_layers()):
        is_trainable = number not in numbers
        # Only where it differs, since it is handed down to all parts; those follow.
        if layer.trainable != is_trainable:
            layer.trainable = is_trainable
