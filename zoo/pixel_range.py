"""What to do about float pixels outside of [0, 1], by how far they lie outside."""

__all__ = ["remedies"]

# A filter that sharpens, as bicubic resizing does, overshoots by a few tenths at most.
_MOST_OVERSHOT = 0.5


def remedies(name, images, reduce_any, levels=" or pass them as uint8"):
    """Returns pairs of a condition and what to do where it holds; the first that does counts.

    Args:
        name: Of the images.
        images: Floats, an array of NumPy or a tensor.
        reduce_any: Turns an array of bools into the condition, one or one a row.
        levels: How the caller takes 256 levels otherwise.
    """
    is_far = reduce_any(images > 1 + _MOST_OVERSHOT)
    is_negative = reduce_any(images < -_MOST_OVERSHOT)
    is_nan = reduce_any(images != images)
    return (
        (is_far, f"divide pixels of 0 to 255 by 255{levels}"),
        (is_negative, f"map pixels of -1 to 1 by ({name} + 1) / 2"),
        (is_nan, "leave out or repair what is NaN"),
        (is_far | True, "clip to [0, 1] what resizing overshoots"),
    )
