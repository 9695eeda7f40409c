"""Denoisers that are known exactly: E[x̃_0 | x_t], x̃ = 2x - 1, of sets of known topology."""

import tensorflow as tf


def exact_denoiser(rendering, dimension):
    """Returns x_t `[N, H, W, 1]`, ā_t `[N, 1, 1, 1]` -> E[x̃_0 | x_t] of images of spheres.

    Args:
        rendering: The `Rendering` of a circle, a sphere or a torus.
        dimension: Of the space of each sphere: 2 of a circle and of a torus, which is two, else 3.
    """
    basis = tf.constant(rendering.basis, tf.float32)
    radius = 2 * rendering.scale  # In x̃.

    def denoise(noised, signal):
        flat = tf.reshape(noised, [tf.shape(noised)[0], -1])
        weights = tf.matmul(flat, basis, transpose_b=True)
        weights = tf.reshape(weights, [tf.shape(noised)[0], -1, dimension])
        size = tf.norm(weights, axis=2, keepdims=True)
        level = signal[:, :, :, 0]
        kappa = level**0.5 * radius * size / (1 - level)
        if dimension == 2:
            length = tf.math.bessel_i1e(kappa) / tf.math.bessel_i0e(kappa)
        else:
            length = 1 / tf.tanh(kappa) - 1 / kappa
        means = tf.reshape(radius * length * weights / size, [tf.shape(noised)[0], -1])
        return tf.reshape(tf.matmul(means, basis), tf.shape(noised))

    return denoise


def noise_of(model, denoise):
    """Returns x_t, t -> the noise that follows from a denoiser: E[ε | x_t]."""

    def predict_noise(noised, steps, training=False):
        signal = model._at(model.schedule.signal, steps)
        return (noised - signal**0.5 * denoise(noised, signal)) / (1.0 - signal) ** 0.5

    return predict_noise


def known(model, denoise):
    """Gives a model the noise that follows from a denoiser."""
    object.__setattr__(model, "predict_noise", noise_of(model, denoise))
    return model


def errors_beside(model, denoise, images, seed=0):
    """Returns errors of ε a pixel, `[N]`: the model's, the exact denoiser's, and the excess.

    The excess is ‖E[ε|x_t] - ε_θ‖², whose mean is the difference of the others', with less noise:
    of all predictors the exact denoiser has the least error. Steps are spread evenly over rows.
    """
    steps = tf.constant([1 + row % model.num_steps for row in range(len(images))])
    added = tf.random.stateless_normal(tf.shape(images), [seed, 0])
    noised = model._noised(tf.constant(images, tf.float32), steps, added)
    found, exact = (f(noised, steps) for f in (model.predict_noise, noise_of(model, denoise)))
    pairs = ((added, found), (added, exact), (exact, found))
    return [tf.reduce_mean((a - b) ** 2, axis=(1, 2, 3)).numpy() for a, b in pairs]
