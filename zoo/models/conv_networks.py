"""The convolutional encoder and decoder of architectures with one vector of latents."""

import keras

from zoo.errors import MismatchError

__all__ = [
    "ACTIVATION",
    "LAYOUT",
    "check_divisible",
    "make_decoder",
    "make_dense",
    "make_encoder",
]

# [choice] Of five the least error in the mean over MNIST, Color-MNIST and CIFAR-10, if barely less
# than "leaky_relu" and "gelu"; with "relu" it is up to 1.8 times the least after the same steps
# (benchmarks/activations.py).
ACTIVATION = "silu"


# Of the images that the zoo takes, whatever Keras's configuration says of others.
LAYOUT = "channels_last"


def check_divisible(model, image_shape, filters, remedy="pass filters="):
    """Raises MismatchError unless the image can be halved once for each of the filters."""
    factor = 2 ** len(filters)
    if image_shape[0] % factor or image_shape[1] % factor:
        sizes = ", ".join(str(factor * k) for k in (1, 2, 3))
        raise MismatchError(
            "image_shape",
            f"{model}, which halves the image {len(filters)} times (once for each entry of "
            f"filters), to get an $image_shape of height and width divisible by {factor}, as "
            f"{sizes} are",
            f"image_shape={image_shape}, filters={filters}",
            f"resize or pad the images, or {remedy}",
        )


def make_encoder(image_shape, filters, hidden_units, activation=ACTIVATION):
    """Makes stride-2 convolutions and a dense layer: `[B, H, W, C]` to `[B, hidden_units]`.

    Args:
        image_shape: (height, width, channels).
        filters: Filters of each convolution.
        hidden_units: Units of the dense layer.
        activation: Name of the hidden layers' activation.
    """
    layers = [keras.Input(image_shape)]
    for f in filters:
        layers.append(keras.layers.Conv2D(f, 5, 2, "same", LAYOUT, activation=activation))
    layers.append(keras.layers.Flatten(LAYOUT))
    layers.append(keras.layers.Dense(hidden_units, activation=activation))
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
        layers.append(_upward(f, activation=ACTIVATION))
    layers.append(_upward(num_parameters, dtype="float32"))
    return keras.Sequential(layers, name="decoder")


def _upward(filters, **kwargs):
    return keras.layers.Conv2DTranspose(filters, 5, 2, "same", data_format=LAYOUT, **kwargs)


def make_dense(name, units, inputs, **kwargs):
    """Makes a dense layer, `[B, ..., inputs]` to `[B, ..., units]`, that is built already."""
    layer = keras.layers.Dense(units, name=name, **kwargs)
    layer.build((None, inputs))
    return layer
