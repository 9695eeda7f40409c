"""Draws images from a PixelCNN pixel by pixel, at a cost for each that is a pixel's alone."""

import tensorflow as tf

__all__ = ["sample_pixels", "sample_pixels_naively"]


@tf.function(autograph=False, reduce_retracing=True)
def sample_pixels(network, likelihood, latents, uniforms):
    """Draws x ~ p(x|z), each convolution remembering the few rows or pixels that it needs.

    The network's down-shifted stream moves on once a row, its right-shifted stream once a pixel,
    with the code and the weights of training. So the work is that of one pass over the image.

    Args:
        network: A `zoo.layers.PixelCNN`.
        likelihood: The `zoo.distributions.Likelihood` of its pixels.
        latents: Float32 `[B, latent_dim]`.
        uniforms: Numbers uniform in (0, 1), `[B, H, W, likelihood.num_uniforms(C)]`: the same
            numbers give the same image.

    Returns:
        Images, float32 `[B, H, W, C]` in pixel units.

    Example:
        >>> noise = zoo.random.RowNoise(zoo.random.row_seeds(0, 4))
        >>> latents = noise.normal([model.latent_dim])  # model: a zoo.PixelVAE
        >>> uniforms = noise.uniform([28, 28, model.likelihood.num_uniforms(1)], stream=1)
        >>> zoo.sampling.sample_pixels(model.decoder, model.likelihood, latents, uniforms)
    """
    height, width, channels = network.image_shape
    batch = tf.shape(latents)[0]
    conditions = network.conditions(latents)
    uniforms = tf.transpose(uniforms, [1, 2, 0, 3])

    def draw_row(row, above, memory, rows):
        additions, memory = network.see_rows(above, memory, conditions, row)
        drawn = _draw_row(network, likelihood, conditions, additions, uniforms[row])
        return row + 1, network.as_inputs(drawn), memory, rows.write(row, drawn[:, 0])

    rows = tf.TensorArray(tf.float32, height, element_shape=[None, width, channels])
    *_, rows = tf.while_loop(
        lambda row, *_: row < height,
        draw_row,
        (
            tf.constant(0),
            tf.zeros([batch, 1, width, channels + 1]),
            network.down.blank_memory(batch, width),
            rows,
        ),
        parallel_iterations=1,
    )
    return tf.transpose(rows.stack(), [1, 0, 2, 3])


def _draw_row(network, likelihood, conditions, additions, uniforms):
    """Draws a row, `[B, 1, W, C]`, given what the rows above tell; uniforms are `[W, B, U]`."""
    channels = network.image_shape[-1]
    width, batch = uniforms.shape[0], tf.shape(uniforms)[1]
    # With the pixels first, so that one is taken without a copy of the others.
    additions = tf.transpose(tf.concat(additions, axis=-1)[:, 0], [1, 0, 2])

    def draw_pixel(column, left, memory, pixels):
        parts = tf.split(additions[column][:, None, None], len(network.from_above), axis=-1)
        parameters, memory = network.see_pixels(left, memory, conditions, parts)
        noise = uniforms[column][:, None, None]
        drawn = likelihood.draw(likelihood(parameters), noise)
        return column + 1, network.as_inputs(drawn), memory, pixels.write(column, drawn[:, 0, 0])

    pixels = tf.TensorArray(tf.float32, width, element_shape=[None, channels])
    *_, pixels = tf.while_loop(
        lambda column, *_: column < width,
        draw_pixel,
        (
            tf.constant(0),
            tf.zeros([batch, 1, 1, channels + 1]),
            network.right.blank_memory(batch, 1),
            pixels,
        ),
        parallel_iterations=1,
    )
    return tf.transpose(pixels.stack(), [1, 0, 2])[:, None]


@tf.function(autograph=False, reduce_retracing=True)
def sample_pixels_naively(network, likelihood, latents, uniforms):
    """Draws what `sample_pixels` draws by running the whole network for every pixel.

    What the fast sampler is tested and timed against. Arguments and result are the same; an image
    differs where rounding moves a pixel over the threshold between two levels.

    Example:
        >>> latents = tf.zeros([1, model.latent_dim])  # model: a zoo.PixelVAE
        >>> uniforms = tf.fill([1, 28, 28, model.likelihood.num_uniforms(1)], 0.5)
        >>> zoo.sampling.sample_pixels_naively(model.decoder, model.likelihood, latents, uniforms)
    """
    height, width, channels = network.image_shape

    def draw_pixel(index, images):
        distribution = likelihood(network(images, latents))
        drawn = likelihood.draw(distribution, uniforms)
        is_next = tf.reshape(tf.range(height * width) == index, [height, width, 1])
        return index + 1, tf.where(is_next, drawn, images)

    blank = tf.zeros([tf.shape(latents)[0], height, width, channels])
    _, images = tf.while_loop(
        lambda index, _: index < height * width,
        draw_pixel,
        (tf.constant(0), blank),
        parallel_iterations=1,
    )
    return images
