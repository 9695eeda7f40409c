"""pythae's convolutional VAE of MNIST rebuilt with `zoo.ConvVAE`, mirrored: see networks.py."""

import keras

import zoo


def make(settings):
    """Returns the compiled model; settings as in `benchmarks.peers.settings.of`."""
    latent_dim = settings["architecture"]["latent_dim"]
    activation = "softplus" if settings["architecture"].get("is_smooth") else "relu"
    model = zoo.ConvVAE(
        (28, 28, 1),
        latent_dim,
        encoder=_make_encoder(activation),
        decoder=_make_decoder(latent_dim, activation),
        likelihood=zoo.distributions.Gaussian(scale=1.0),
    )
    learning_rate = settings["optimizer"]["learning_rate"]
    model.compile(keras.optimizers.Adam(learning_rate), objective=zoo.ELBO())
    return model


def flatten_log_scales(model):
    """Sets the posterior's log-scales to 0, where ours and pythae's have the same slope."""
    for weight in model.posterior_head.weights:
        means, log_scales = keras.ops.split(weight, 2, axis=-1)
        weight.assign(keras.ops.concatenate([means, keras.ops.zeros_like(log_scales)], axis=-1))


def _make_encoder(activation):
    layers = [keras.Input((28, 28, 1))]
    for index, filters in enumerate((128, 256, 512, 1024)):
        if index >= 2:  # From 7 to 3, and to 1.
            layers.append(keras.layers.ZeroPadding2D(((0, 1), (0, 1))))
        padding = "valid" if index >= 2 else "same"
        layers += [keras.layers.Conv2D(filters, 4, 2, padding), *_normalised(activation)]
    return keras.Sequential(layers)


def _make_decoder(latent_dim, activation):
    layers = [
        keras.Input((latent_dim,)),
        keras.layers.Dense(4 * 4 * 1024),
        keras.layers.Reshape((4, 4, 1024)),
        keras.layers.Conv2DTranspose(512, 3, 2, "same", output_padding=0),  # From 4 to 7.
        *_normalised(activation),
        keras.layers.Conv2DTranspose(256, 3, 2, "same"),
        *_normalised(activation),
        keras.layers.Conv2DTranspose(1, 3, 2, "same", dtype="float32"),
    ]
    return keras.Sequential(layers)


def _normalised(activation):
    normalisation = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    return [normalisation, keras.layers.Activation(activation)]
