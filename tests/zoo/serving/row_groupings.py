"""Groups rows into batches as a batching server does, and compares with one row at a time.

`test_row_grouping` and `benchmarks/row_grouping.py` use it.
"""

import dataclasses

import numpy as np
import tensorflow as tf

LEVEL = 1 / 255  # Of a PNG image: rounding can move a pixel to the next.
_DRAWN = ("image", "reconstruction", "image_bytes", "reconstruction_bytes")


@dataclasses.dataclass
class Comparison:
    """What was seen of one signature.

    Attributes:
        groupings: Number of groupings tried.
        batches: Number of batches that they made.
        largest_difference: Of float outputs, as a share of the largest magnitude.
        png_values: Pixel values of PNG images (a channel counts as one) that were compared.
        png_values_changed: Those that differ; by one level, where nothing is drawn.
        drawn_rows: Rows of which pixels are drawn.
        drawn_rows_changed: Those of which a drawn pixel differs, so that later ones may too.
        drawn_pixels: Values of drawn pixels.
        drawn_pixels_changed: Those that differ.
    """

    groupings: int = 0
    batches: int = 0
    largest_difference: float = 0.0
    png_values: int = 0
    png_values_changed: int = 0
    drawn_rows: int = 0
    drawn_rows_changed: int = 0
    drawn_pixels: int = 0
    drawn_pixels_changed: int = 0


def requests_of(model, signatures, num_rows, seed=0):
    """Makes a request of `num_rows` different rows for each signature, dicts of arrays."""
    rng = np.random.default_rng(seed)
    image = rng.random((num_rows, *model.image_shape), np.float32)
    known = {
        "image": image,
        "seed": rng.integers(0, 1000, (num_rows, 2), np.int32),
        "temperature": rng.uniform(0.0, 1.5, num_rows).astype(np.float32),
    }
    if model.tolerances is not None:
        ends = model.tolerance_range
        known["tolerance"] = rng.uniform(*ends, num_rows).astype(np.float32)
    if model.image_shape[-1] in (1, 3):
        levels = tf.constant(np.uint8(255.0 * image))
        known["image_bytes"] = tf.io.encode_png(levels).numpy()
    given = {}
    if model.context_shape is not None:
        given["context"] = rng.random((num_rows, *model.context_shape), np.float32)
    if "decode" in signatures:
        latents = model.sample_prior(num_rows, seed=seed, **given)
        known |= given | {f"latents_{i}": group.numpy() for i, group in enumerate(latents)}
    if model.takes_mask:
        known["mask"] = rng.integers(0, 2, (num_rows, *model.image_shape[:2])).astype(np.float32)
    return {
        name: {key: known[key] for key in signature.inputs}
        for name, signature in signatures.items()
    }


def random_batches(rng, num_rows):
    """Groups all rows at random into batches: pairs of row numbers, the padded ones and how many.

    Padded up to a power of two with copies of the first row, as TensorFlow Serving does where the
    allowed batch sizes are powers of two.
    """
    order, start = rng.permutation(num_rows), 0
    while start < num_rows:
        rows = order[start : start + rng.integers(1, num_rows + 1)]
        start += len(rows)
        padding = (1 << (len(rows) - 1).bit_length()) - len(rows)
        yield np.concatenate([rows, np.repeat(rows[:1], padding)]), len(rows)


def compare(answer, inputs, num_groupings, draws_pixels=False, seed=0):
    """Tries random groupings of the rows of a request; returns a `Comparison`.

    Args:
        answer: Answers a dict of arrays by a dict of arrays.
        inputs: A request of many rows.
        num_groupings: Number of groupings; each has every row once.
        draws_pixels: Whether the model draws pixels, so that rounding may change an image.
        seed: Of the groupings.
    """
    rng = np.random.default_rng(seed)
    num_rows = len(next(iter(inputs.values())))
    rows = [
        answer({key: values[[row]] for key, values in inputs.items()}) for row in range(num_rows)
    ]
    alone = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    largest = {key: np.abs(as_floats(values)).max() for key, values in alone.items()}
    result = Comparison(groupings=num_groupings)
    for _ in range(num_groupings):
        for padded, count in random_batches(rng, num_rows):
            received = answer({key: values[padded] for key, values in inputs.items()})
            expected = {key: values[padded[:count]] for key, values in alone.items()}
            received = {key: values[:count] for key, values in received.items()}
            result.batches += 1
            assert received.keys() == expected.keys()
            _add(result, expected, received, largest, draws_pixels)
    return result


def as_floats(values):
    """PNG files as images in [0, 1], errors as their lengths, floats as they are; float64."""
    if values.dtype != object:
        return np.float64(values)
    if not all(value.startswith(b"\x89PNG") for value in values):
        return np.array([len(value) for value in values], np.float64)
    return np.stack([tf.io.decode_png(value).numpy() for value in values]) / 255.0


def _add(result, expected, received, largest, draws_pixels):
    expected = dict(expected)
    is_png = {key: values.dtype == object and key != "error" for key, values in expected.items()}
    expected = {key: as_floats(values) for key, values in expected.items()}
    received = {key: as_floats(values) for key, values in received.items()}
    same = np.full(len(received["error"]), True)
    if draws_pixels:
        for key in set(_DRAWN) & set(expected):
            changed = np.abs(expected[key] - received[key]) > 1e-5
            same &= ~changed.any(axis=(1, 2, 3))
            result.drawn_pixels += changed.size
            result.drawn_pixels_changed += int(changed.sum())
            result.drawn_rows += len(changed)
            result.drawn_rows_changed += int(changed.any(axis=(1, 2, 3)).sum())
    for key in expected:
        difference = np.abs(expected[key] - received[key])[same]
        if is_png[key]:
            assert difference.max(initial=0.0) < 1.01 * LEVEL, key
            result.png_values += difference.size
            result.png_values_changed += int((difference > 0).sum())
        else:
            # Of what is equal in every digit, -inf too, the difference is none.
            is_equal = (expected[key] == received[key])[same]
            relative = np.where(is_equal, 0.0, difference) / max(largest[key], 1e-30)
            assert not np.isnan(relative).any(), key
            result.largest_difference = max(result.largest_difference, relative.max(initial=0.0))
