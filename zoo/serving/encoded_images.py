"""PNG and JPEG images inside a served graph: read row by row, written as PNG."""

import functools

import tensorflow as tf

from zoo.errors import MARK

__all__ = ["can_encode", "decode", "encode"]

_CHANNELS = (1, 3)  # Of the PNG and JPEG images that are taken and given.
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
_PNG_SIZE_POSITION = 16  # Of width and height, 32-bit big-endian each: the header chunk is first.
_PNG_BITS_POSITION = 24

# What the graph does not do and other readers of pictures do, with what to do about it. RE2 reads
# text, so a byte of any value is \C. The directory of EXIF has entries of tag 0x112, a type (3 or
# 4 for integers), a count of 1 and the value, in either byte order; 1 is upright.
_TURNED = (
    r"(?s)\C*(?:(?:Exif\x00\x00|eXIf)(?:"
    r"II\*\x00\C*\x12\x01[\x03\x04]\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r"|MM\x00\*\C*\x01\x12\x00(?:\x03|\x04\x00\x00)\x00\x00\x00\x01\x00[\x02-\x08])"
    r'|tiff:Orientation(?:="|>)[2-8]'
    r"|Raw profile type exif|XML:com\.adobe\.xmp\x00\x01)\C*"
)
_IS_TURNED = "an image with a camera's orientation (EXIF); turn its pixels and save it without"
_KEYED = r"(?s)\C{24}\x10[\x00\x02]\C*tRNS\C*"  # A PNG of 16 bits a value, without alpha.
_IS_KEYED = "an image of 16 bits a value with a transparent colour; save it with 8 bits"
_IS_CMYK = "a JPEG image of 4 colours (CMYK); convert it to RGB"


def can_encode(image_shape):
    """Whether images of (height, width, channels) can be PNG and JPEG: of 1 or 3 channels."""
    return image_shape[-1] in _CHANNELS


def decode(image_bytes, image_shape, name="image_bytes"):
    """Reads one PNG or JPEG image a row; a row that is none does not fail the others.

    The pixels are those that the data set of a folder has (`training.datasets.image_files`), to the
    last level: the upper 8 of 16 bits a value, transparency over white, a palette's colours, a
    colour's luminance as its grey. What would be read otherwise (a camera's orientation, CMYK) is
    refused by name. The header is read first, so that an image of another size is never unpacked,
    however large it claims to be.

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
    # Its branches over tensors are written out: AutoGraph would find none, in a tenth of an export.
    read = tf.autograph.experimental.do_not_convert(_decode_row)
    decoded = rows.map(functools.partial(read, image_shape, wanted)).ignore_errors()
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
    size, has_4_colours = tf.cond(
        is_png,
        lambda: (_png_size(image_bytes), tf.constant(False)),
        lambda: _jpeg_size(image_bytes),
    )

    def read():
        image = tf.cond(is_png, lambda: _read_png(image_bytes), lambda: _read_jpeg(image_bytes))
        image = tf.cast(image if channels == 3 else _luminance(image), tf.uint8)
        return tf.ensure_shape(image, image_shape), ""

    def refuse(received):
        return tf.zeros(image_shape, tf.uint8), tf.strings.join([f"{wanted} ", received])

    as_text = tf.strings.reduce_join(tf.strings.as_string(size), separator=" x ")
    received = tf.case(
        [
            (tf.reduce_any(size != [height, width]), lambda: _is_of_size(as_text)),
            (has_4_colours, lambda: _IS_CMYK),
            (tf.strings.regex_full_match(image_bytes, _TURNED), lambda: _IS_TURNED),
            (is_png & tf.strings.regex_full_match(image_bytes, _KEYED), lambda: _IS_KEYED),
        ],
        default=lambda: "",
    )
    return index, *tf.cond(received == "", read, lambda: refuse(received))


def _is_of_size(as_text):
    return tf.strings.join(["an image of ", as_text, " pixels"])


def _read_png(image_bytes):
    """Returns colours over white, int32 `[H, W, 3]`, rounded as Pillow's `alpha_composite` does."""
    pixels = tf.cast(tf.io.decode_png(image_bytes, 4), tf.int32)
    colours, alpha = pixels[..., :3], pixels[..., 3:]
    # Where there is no alpha TensorFlow fills in the largest number of the file's bits: 15 of 4.
    bits = tf.io.decode_raw(tf.strings.substr(image_bytes, _PNG_BITS_POSITION, 1), tf.uint8)
    is_filled_in = tf.reduce_all(alpha == tf.bitwise.left_shift(1, tf.cast(bits, tf.int32)) - 1)
    alpha = tf.where(is_filled_in, 255, alpha)
    sums = 128 * (colours * alpha + 255 * (255 - alpha) + 128)
    return (sums // 256 + sums) // 2**15


def _read_jpeg(image_bytes):
    # The accurate transform gives the pixels that most other programs see.
    pixels = tf.io.decode_jpeg(image_bytes, 3, dct_method="INTEGER_ACCURATE")
    return tf.cast(pixels, tf.int32)


def _luminance(colours):
    """ITU-R 601-2's, in integers, as Pillow has it: int32 `[H, W, 3]` to `[H, W, 1]`."""
    sums = tf.reduce_sum(colours * [19595, 38470, 7471], axis=-1, keepdims=True)
    return (sums + 2**15) // 2**16


def _png_size(image_bytes):
    width_and_height = tf.strings.substr(image_bytes, _PNG_SIZE_POSITION, 8)
    size = tf.io.decode_raw(width_and_height, tf.int32, little_endian=False)
    # Of bytes that end in the header there are fewer numbers than two.
    size = tf.ensure_shape(size, [2])[::-1]
    return tf.cast(tf.bitcast(size, tf.uint32), tf.int64)


def _jpeg_size(image_bytes):
    """Returns height and width, and whether there are 4 colours."""
    # Of others the operation below would tell the server's standard error, one line a request.
    is_jpeg = tf.debugging.Assert(_starts_with(image_bytes, _JPEG_START), ["no PNG or JPEG"])
    with tf.control_dependencies([is_jpeg]):
        shape = tf.io.extract_jpeg_shape(tf.identity(image_bytes), tf.int64)
    return shape[:2], shape[2] == 4


def _starts_with(image_bytes, start):
    return tf.strings.substr(image_bytes, 0, len(start)) == start


def _options():
    """What is tuned while a data set runs pays off for long ones; here it would only cost."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
