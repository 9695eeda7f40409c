"""Turns the arguments of a client's methods into arrays to send, and says what is wrong with them.

A served graph checks its inputs too. Checking here first spares a request, names the argument as
the caller knows it, and keeps from the server shapes that would fail other clients' requests in
the same batch.
"""

import itertools
import random

import numpy as np

from zoo.pixel_range import remedies
from zoo.serving.client.errors import InvalidInputError

__all__ = [
    "as_encoded_images",
    "as_images",
    "as_latents",
    "as_masks",
    "as_num",
    "as_row_seeds",
    "as_temperatures",
    "as_tolerances",
    "fresh_seed",
]

_INT32 = np.iinfo(np.int32)
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # Of every PNG and every JPEG file.


def as_images(images, row_shape, name):
    """Returns float32 `[N, *row_shape]` in [0, 1]; uint8 is divided by 255.

    Raises:
        InvalidInputError: Wrong shape, type or range, or NaN.
    """
    images = _as_array(images, name)
    sizes = ", ".join(map(str, row_shape))
    received = f"Received {name} of shape {images.shape} and type {images.dtype}."
    if images.shape[1:] != tuple(row_shape):
        hint = f" For one image, pass {name}[None]." if images.shape == tuple(row_shape) else ""
        raise InvalidInputError(
            f"This model takes {name} of shape [N, {sizes}] (height, width, channels). "
            f"{received}{hint}"
        )
    if images.dtype == np.uint8:
        return np.divide(images, np.float32(255), dtype=np.float32)
    if images.dtype.kind != "f":
        raise InvalidInputError(f"{name} must be floats in [0, 1] or uint8 in [0, 255]. {received}")
    images = _as_float32(images)
    # Written so that NaN, for which every comparison is false, fails too.
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        remedy = next(text for fits, text in remedies(name, images, np.any) if fits)
        raise InvalidInputError(
            f"{name} given as floats must lie in [0, 1] and have no NaN; {remedy}. Received values "
            f"{_described(images)}."
        )
    return images


def as_latents(latents, row_shapes):
    """Returns a list of float32 arrays, one a group of latents, of equally many rows.

    Args:
        latents: A tuple or list of arrays; one array if there is one group.
        row_shapes: List of the groups' shapes without the batch dimension.

    Raises:
        InvalidInputError: Another number of groups, a wrong shape, unequal rows, or not finite.
    """
    groups = list(latents) if isinstance(latents, tuple | list) else [latents]
    groups = [_as_array(group, "latents") for group in groups]
    shapes = [group.shape for group in groups]
    fits = [shape[1:] == tuple(row) for shape, row in zip(shapes, row_shapes, strict=False)]
    if len(groups) != len(row_shapes) or not all(fits) or len({s[:1] for s in shapes}) != 1:
        is_one_row = shapes == [tuple(row) for row in row_shapes]
        hint = " For one row, add a leading axis to each: group[None]." if is_one_row else ""
        wanted = _listed([("N", *row) for row in row_shapes])
        raise InvalidInputError(
            f"This model takes latents as a tuple of {wanted}, with the same N. Received "
            f"{_listed(shapes)}.{hint}"
        )
    return [_as_finite(group, f"latents[{index}]") for index, group in enumerate(groups)]


def as_num(num):
    """Returns a number of rows as an int of at least 0.

    Raises:
        InvalidInputError: It is none.
    """
    is_int = isinstance(num, int | np.integer) and not isinstance(num, bool)
    if not is_int or not 0 <= num <= _INT32.max:
        raise InvalidInputError(
            f"num must be an int of at least 0, of 32 bits. Received: num={num!r}"
        )
    return int(num)


def as_row_seeds(seed, num):
    """Returns rows' seeds, int32 `[num, 2]`: (a, b + i) for a seed (a, b), as `zoo.random` does.

    Args:
        seed: An int or two ints.
        num: Number of rows.

    Raises:
        InvalidInputError: It is not among these, or does not fit 32 bits.
    """
    message = f"A seed is an int or two ints of 32 bits each. Received: seed={seed!r:.80}"
    try:
        values = np.asarray(seed)
    except (TypeError, ValueError) as error:  # Ragged.
        raise InvalidInputError(message) from error
    is_valid = values.dtype.kind in "iu" and values.shape in ((), (2,))
    if not is_valid or values.min() < _INT32.min or values.max() > _INT32.max:
        raise InvalidInputError(message)
    first, second = values.astype(np.int64) if values.ndim else (int(values), 0)
    rows = np.empty([num, 2], np.int64)
    rows[:, 0] = first
    rows[:, 1] = second + np.arange(num)
    return rows.astype(np.int32)  # Past the largest int32 this begins anew, as in TensorFlow.


def fresh_seed():
    """Draws a seed from Python's generator, as a model does that is given none."""
    return random.randint(0, _INT32.max)


def as_temperatures(temperature, num):
    """Returns float32 `[num]` of finite numbers of at least 0, from one number or one a row.

    Raises:
        InvalidInputError: It is neither.
    """
    values = _as_array(temperature, "temperature")
    if values.shape not in ((), (num,)) or values.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"temperature must be a number or {num} of them, one a row. Received: shape "
            f"{values.shape}, type {values.dtype}."
        )
    values = _as_finite(np.broadcast_to(values, [num]), "temperature")
    if values.size and values.min() < 0:
        raise InvalidInputError(
            f"temperature must be at least 0. Received values from {values.min():g}."
        )
    return values


def as_tolerances(tolerance, num):
    """Returns float32 `[num]` of finite numbers above 0, from one number or one a row.

    The range is the model's: the server looks at it.

    Raises:
        InvalidInputError: It is neither.
    """
    values = _as_array(tolerance, "tolerance")
    if values.shape not in ((), (num,)) or values.dtype.kind not in "iuf":
        raise InvalidInputError(
            "This model takes any tolerance of its range: pass tolerance=, a number or "
            f"{num} of them, one a row, in pixel units. Received: {tolerance!r:.60}"
        )
    values = _as_finite(np.broadcast_to(values, [num]), "tolerance")
    if values.size and values.min() <= 0:
        raise InvalidInputError(
            f"tolerance must be above 0. Received values from {values.min():g}."
        )
    return values


def as_masks(mask, row_shape, num):
    """Returns float32 `[num, H, W]` of 0 and 1, from a mask of all images or one an image.

    Raises:
        InvalidInputError: It is neither, or an image has no pixel that is seen.
    """
    values = _as_array(mask, "mask")
    if values.shape not in (tuple(row_shape), (num, *row_shape)) or values.dtype.kind not in "biuf":
        raise InvalidInputError(
            f"mask must be [height, width], {list(row_shape)} here, or one an image; 1 is a pixel "
            f"that is seen. Received: shape {values.shape}, type {values.dtype}."
        )
    values = np.broadcast_to(values > 0.5, [num, *row_shape])
    has_seen = values.any(axis=(1, 2))
    if not has_seen.all():
        raise InvalidInputError(
            f"mask hides every pixel of image {np.argmin(has_seen)}: mark those that are seen by "
            "1, or call sample."
        )
    return np.ascontiguousarray(values, np.float32)


def as_encoded_images(image_bytes):
    """Returns an array of bytes objects, `[N]`, from a list of PNG or JPEG files.

    Raises:
        InvalidInputError: It is no list, or an entry is no such file.
    """
    if isinstance(image_bytes, bytes | str) or not hasattr(image_bytes, "__len__"):
        raise InvalidInputError(
            "image_bytes must be a list of PNG or JPEG files, each a bytes object. Received: "
            f"{type(image_bytes).__name__}. For one image, pass [data]."
        )
    images = np.empty(len(image_bytes), object)
    for row, data in enumerate(image_bytes):
        if not isinstance(data, bytes | bytearray) or not data.startswith(_STARTS):
            start = bytes(data[:8]) if isinstance(data, bytes | bytearray) else data
            raise InvalidInputError(
                f"image_bytes[{row}] must be a PNG or JPEG file as bytes. Received: "
                f"{type(data).__name__} beginning {start!r:.60}"
            )
        images[row] = bytes(data)
    return images


def _as_array(values, name):
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be one array. Received: {error}") from error


def _as_finite(values, name):
    if values.dtype.kind not in "iuf":
        raise InvalidInputError(f"{name} must be numbers. Received: type {values.dtype}.")
    values = _as_float32(values)
    if not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        raise InvalidInputError(
            f"{name} must be finite as float32. Received {count} values that are not."
        )
    return values


def _as_float32(values):
    with np.errstate(over="ignore"):  # Too large numbers become infinite, which is refused.
        return np.ascontiguousarray(values, np.float32)


def _described(values):
    """Describes numbers: "from 0 to 255", or "from 0 to 1, NaN: 2"."""
    num_nans = np.count_nonzero(np.isnan(values))
    if num_nans == values.size:
        return "that are all NaN"
    least, most = np.fmin.reduce(values, None), np.fmax.reduce(values, None)
    return f"from {least:g} to {most:g}, NaN: {num_nans}"


def _listed(shapes):
    """Lists arrays by their shapes, equal neighbours once: "2 arrays: [N, 4, 4, 8], [N, 16]"."""
    runs = [(shape, len(list(run))) for shape, run in itertools.groupby(shapes)]
    texts = [
        f"[{', '.join(map(str, shape))}]" + (f" ({count} times)" if count > 1 else "")
        for shape, count in runs
    ]
    word = "array" if len(shapes) == 1 else "arrays"
    return f"{len(shapes)} {word}" + (": " if shapes else "") + ", ".join(texts)
