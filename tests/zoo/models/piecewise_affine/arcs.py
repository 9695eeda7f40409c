"""Images on an arc, a model whose likelihood of them is exact, and a VAE with the same decoder."""

import keras
import numpy as np

import zoo

SHAPE = (1, 3, 1)


def arc_images(num=150, seed=0):
    """Images on an arc, which no plane holds, and normal noise."""
    generator = np.random.default_rng(seed)
    angles = generator.uniform(0, 4.0, num)
    pixels = 0.5 + 0.25 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    pixels += 0.03 * generator.standard_normal(pixels.shape)
    return np.clip(pixels, 0, 1).reshape(-1, *SHAPE).astype(np.float32)


def fitted_to_arc():
    """A model that a few steps have brought to an arc, its images, and the history."""
    keras.utils.set_random_seed(3)
    model = zoo.PiecewiseAffineVAE(SHAPE, hidden_units=(4, 3), noise_scale=0.1)
    images = arc_images()
    return model, images, model.fit_em(images, steps=8, verbose=0)


def levels_of(model, images):
    """Images of 256 levels, and their exact log-probabilities in nats, nearly."""
    # A cell of levels is narrow beside the noise: its probability is the density times its width.
    levels = np.round(255 * images) / np.float32(255)
    return levels, model.log_density(levels).numpy() - 3 * np.log(255.0)


def approximate_vae(model):
    """A ConvVAE with the model's decoder and a posterior that is not the exact one."""
    dense = [keras.layers.Dense(layer.units, activation=None) for layer in model.layers_of_decoder]
    leaky = [keras.layers.LeakyReLU(model.negative_slope) for _ in dense[1:]]
    parts = [part for pair in zip(dense, [*leaky, None], strict=True) for part in pair if part]
    decoder = keras.Sequential([keras.Input((1,)), *parts, keras.layers.Reshape(SHAPE)])
    encoder = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    likelihood = zoo.distributions.Gaussian(float(model.likelihood.scale), mean="linear")
    vae = zoo.ConvVAE(SHAPE, 1, likelihood=likelihood, encoder=encoder, decoder=decoder)
    for layer, own in zip(dense, model.layers_of_decoder, strict=True):
        layer.set_weights(own.get_weights())
    # The best affine means, and a scale too large.
    images = arc_images(num=400, seed=7)
    inputs = np.concatenate([images.reshape(-1, 3), np.ones((400, 1))], axis=1)
    fit = np.linalg.lstsq(inputs, model.encode(images)[0].numpy(), rcond=None)[0]
    kernel, bias = vae.posterior_head.weights
    kernel.assign(np.concatenate([fit[:3], np.zeros((3, 1))], axis=1))
    bias.assign([fit[3, 0], -0.5])
    return vae
