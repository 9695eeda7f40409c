"""Draws images from a PixelCNN pixel by pixel, at a cost for each that is a pixel's alone."""

import keras
import tensorflow as tf

__all__ = ["sample_pixels", "sample_pixels_naively"]

_MOST_PIXELS_A_STEP = 4  # Of the graph's loop; more are no faster, and take longer to trace.


@tf.function(autograph=False, reduce_retracing=True)
def sample_pixels(network, likelihood, latents, uniforms):
    """Draws x ~ p(x|z), each convolution remembering the few rows or pixels that it needs.

    The network's down-shifted stream moves on once a row, its right-shifted stream once a pixel,
    with the code and the weights of training. So the work is that of one pass over the image.
    For few images at once most of the time is TensorFlow's, a little for each operation of a pixel:
    inside a `tf.function` with `jit_compile=True` it goes, for some seconds a size of batch.

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
    # Each weight is read once, and not once a pixel.
    weights = [(weight, tf.convert_to_tensor(weight)) for weight in network.weights]
    with keras.StatelessScope(weights):
        return _draw_rows(network, likelihood, latents, uniforms)


def _draw_rows(network, likelihood, latents, uniforms):
    """Draws images, row by row."""
    height, width, channels = network.image_shape
    batch = tf.shape(latents)[0]
    for_rows, for_pixels = network.conditions(latents)
    for_pixels = [tf.squeeze(condition, [1, 2]) for condition in for_pixels]

    def draw_row(row, above, memory, rows):
        additions, memory = network.see_rows(above, memory, for_rows, row)
        parts = [part[:, 0] for part in additions]
        drawn = _draw_row(network, likelihood, for_pixels, [uniforms[:, row], *parts])
        return row + 1, network.as_inputs(drawn)[:, None], memory, rows.write(row, drawn)

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


def _draw_row(network, likelihood, conditions, given):
    """Draws a row, `[B, W, C]`, from uniforms and what the rows above tell, each `[B, W, …]`.

    Several pixels a step of the loop, since passing on its variables takes time.
    """
    _, width, channels = network.image_shape
    batch = tf.shape(given[0])[0]
    num = max(n for n in range(1, _MOST_PIXELS_A_STEP + 1) if width % n == 0)
    given = [tf.reshape(part, [batch, width // num, num, part.shape[-1]]) for part in given]

    def draw_pixels(step, left, memory, drawn):
        pixels = []
        for uniforms, *additions in zip(
            *(tf.unstack(part[:, step], axis=1) for part in given), strict=True
        ):
            parameters, memory = network.see_pixels(left, memory, conditions, additions)
            distribution = likelihood(parameters[:, None, None])
            pixels.append(likelihood.draw(distribution, uniforms[:, None, None])[:, 0, 0])
            left = network.as_inputs(pixels[-1])
        return step + 1, left, memory, drawn.write(step, tf.stack(pixels, axis=1))

    drawn = tf.TensorArray(tf.float32, width // num, element_shape=[None, num, channels])
    *_, drawn = tf.while_loop(
        lambda step, *_: step < width // num,
        draw_pixels,
        (
            tf.constant(0),
            tf.zeros([batch, channels + 1]),
            network.right.blank_memory(batch),
            drawn,
        ),
        parallel_iterations=1,
    )
    return tf.reshape(tf.transpose(drawn.stack(), [1, 0, 2, 3]), [batch, width, channels])


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
