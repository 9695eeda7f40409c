"""PNG and JPEG images inside a served graph: read row by row, written as PNG."""

import functools

import tensorflow as tf

from zoo.errors import MARK

__all__ = ["can_encode", "decode", "encode"]

_CHANNELS = (1, 3)  # Of the PNG and JPEG images that are taken and given.
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
_PNG_SIZE_POSITION = 16  # Of width and height, 32-bit big-endian each: the header chunk is first.


def can_encode(image_shape):
    """Whether images of (height, width, channels) can be PNG and JPEG: of 1 or 3 channels."""
    return image_shape[-1] in _CHANNELS


def decode(image_bytes, image_shape, name="image_bytes"):
    """Reads one PNG or JPEG image a row; a row that is none does not fail the others.

    The header is read first, so that an image of another size is never unpacked, however large it
    claims to be. Colours are converted to the model's number of channels; of 16 bits a value 8 are
    kept, and transparency is dropped.

    Args:
        image_bytes: String `[N]`.
        image_shape: (height, width, channels) that is wanted.
        name: Of the input, for messages.

    Returns:
        Images, float32 `[N, H, W, C]` in [0, 1], 0 in faulty rows; and errors, string `[N]`, ""
        for a good row.
    """
    height, width, _ = image_shape
    wanted = f"{MARK} `{name}` must be a PNG or JPEG image of {height} x {width} pixels. Received:"
    num_rows = tf.size(image_bytes, out_type=tf.int64)
    # A data set, because it alone can go on after an operation has failed on one row.
    rows = tf.data.Dataset.from_tensor_slices((tf.range(num_rows), image_bytes))
    decoded = rows.map(functools.partial(_decode_row, image_shape, wanted)).ignore_errors()
    # One row more, which is cut off again, for a batch must not be empty.
    extra = tf.data.Dataset.from_tensors((num_rows, tf.zeros(image_shape, tf.uint8), ""))
    batch = extra.concatenate(decoded).batch(num_rows + 1)
    index, images, errors = batch.with_options(_options()).get_single_element()
    index = index[:, None]
    images = tf.scatter_nd(index, images, tf.stack([num_rows + 1, *image_shape]))[:num_rows]
    unreadable = tf.fill([num_rows + 1], f"{wanted} bytes that cannot be read as either")
    errors = tf.tensor_scatter_nd_update(unreadable, index, errors)[:num_rows]
    return tf.ensure_shape(tf.cast(images, tf.float32) / 255.0, [None, *image_shape]), errors


def encode(images):
    """Writes images as PNG: float `[N, H, W, C]`, clipped to [0, 1] and rounded to 256 levels.

    Returns:
        String `[N]`; "" for an image that is not finite, of which there is no picture.
    """
    levels = tf.round(255.0 * tf.clip_by_value(images, 0.0, 1.0))
    is_finite = tf.reduce_all(tf.math.is_finite(images), axis=(1, 2, 3))
    return tf.where(is_finite, tf.io.encode_png(tf.cast(levels, tf.uint8)), "")


def _decode_row(image_shape, wanted, index, image_bytes):
    """Returns index, image and error of a row; fails on bytes that are no image."""
    height, width, channels = image_shape
    is_png = _starts_with(image_bytes, _PNG_START)
    size = tf.cond(is_png, lambda: _png_size(image_bytes), lambda: _jpeg_size(image_bytes))

    def read_png():
        return tf.io.decode_png(image_bytes, channels)

    def read_jpeg():
        # The accurate transform gives the pixels that most other programs see.
        return tf.io.decode_jpeg(image_bytes, channels, dct_method="INTEGER_ACCURATE")

    def read():
        image = tf.cond(is_png, read_png, read_jpeg)
        return tf.ensure_shape(image, image_shape), ""

    def refuse():
        received = tf.strings.reduce_join(tf.strings.as_string(size), separator=" x ")
        error = tf.strings.join([f"{wanted} an image of ", received, " pixels"])
        return tf.zeros(image_shape, tf.uint8), error

    return index, *tf.cond(tf.reduce_all(size == [height, width]), read, refuse)


def _png_size(image_bytes):
    width_and_height = tf.strings.substr(image_bytes, _PNG_SIZE_POSITION, 8)
    size = tf.io.decode_raw(width_and_height, tf.int32, little_endian=False)
    # Of bytes that end in the header there are fewer numbers than two.
    size = tf.ensure_shape(size, [2])[::-1]
    return tf.cast(tf.bitcast(size, tf.uint32), tf.int64)


def _jpeg_size(image_bytes):
    # Of others the operation below would tell the server's standard error, one line a request.
    is_jpeg = tf.debugging.Assert(_starts_with(image_bytes, _JPEG_START), ["no PNG or JPEG"])
    with tf.control_dependencies([is_jpeg]):
        return tf.io.extract_jpeg_shape(tf.identity(image_bytes), tf.int64)[:2]


def _starts_with(image_bytes, start):
    return tf.strings.substr(image_bytes, 0, len(start)) == start


def _options():
    """What is tuned while a data set runs pays off for long ones; here it would only cost."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
