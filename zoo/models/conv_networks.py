"""The convolutional encoder and decoder of architectures with one vector of latents."""

import keras

from zoo.errors import MismatchError

__all__ = ["ACTIVATION", "check_sizes", "make_decoder", "make_encoder"]

# [choice] Of five the least error in the mean over MNIST, Color-MNIST and CIFAR-10, if barely less
# than "leaky_relu" and "gelu"; with "relu" it is up to 1.8 times the least after the same steps
# (benchmarks/activations.py).
ACTIVATION = "silu"


def check_sizes(**sizes):
    """Checks arguments that are an int, or a sequence of ints, of at least 1.

    Raises:
        ValueError: Names the first that is not.
    """
    for name, given in sizes.items():
        is_sequence = isinstance(given, tuple | list)
        values = given if is_sequence else (given,)
        if not values or not all(isinstance(size, int) and size >= 1 for size in values):
            raise ValueError(
                f"{name} must be {'ints' if is_sequence else 'an int'} of at least 1. "
                f"Received: {name}={given}"
            )


def make_encoder(
    image_shape,
    filters,
    hidden_units,
    architecture=None,
    remedy="pass filters=",
    activation=None,
):
    """Makes stride-2 convolutions and a dense layer: `[B, H, W, C]` to `[B, hidden_units]`.

    Args:
        image_shape: (height, width, channels).
        filters: Filters of each convolution.
        hidden_units: Units of the dense layer.
        architecture: Whose networks these are, for the error; None for one without the decoder
            below, whose image may have any size.
        remedy: What its user may do about an image size that does not fit, for the error.
        activation: Name of the hidden layers' activation; None: `ACTIVATION`.

    Raises:
        ValueError: The height or width cannot be halved so many times.
    """
    stride = 2 ** len(filters)
    if architecture and (image_shape[0] % stride or image_shape[1] % stride):
        raise MismatchError(
            "image_shape",
            f"{architecture}, which halves the image {len(filters)} times (once for each entry of "
            f"filters), to get an $image_shape of height and width divisible by {stride}",
            f"image_shape={image_shape}, filters={filters}",
            f"resize or pad the images, or {remedy}",
        )
    activation = activation or ACTIVATION
    layers = [keras.Input(image_shape)]
    layers += [keras.layers.Conv2D(f, 5, 2, "same", activation=activation) for f in filters]
    layers += [keras.layers.Flatten(), keras.layers.Dense(hidden_units, activation=activation)]
    return keras.Sequential(layers, name="encoder")


def make_decoder(image_shape, latent_dim, filters, hidden_units, num_parameters):
    """Makes the encoder's mirror image: `[B, latent_dim]` to float32 `[B, H, W, num_parameters]`.

    The image size is one that `make_encoder` takes with the same filters.
    """
    height, width = (size // 2 ** len(filters) for size in image_shape[:2])
    layers = [
        keras.Input((latent_dim,)),
        keras.layers.Dense(hidden_units, activation=ACTIVATION),
        keras.layers.Dense(height * width * filters[-1], activation=ACTIVATION),
        keras.layers.Reshape((height, width, filters[-1])),
    ]
    for f in reversed(filters[:-1]):
        layers.append(keras.layers.Conv2DTranspose(f, 5, 2, "same", activation=ACTIVATION))
    layers.append(keras.layers.Conv2DTranspose(num_parameters, 5, 2, "same", dtype="float32"))
    return keras.Sequential(layers, name="decoder")
