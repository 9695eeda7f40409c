"""Square patches of images: how they lie, and their averages."""

import tensorflow as tf

from zoo import checks

__all__ = ["as_patch_sizes", "check_patches", "patch_means", "patch_variances"]


def as_patch_sizes(patch_size, stride):
    """Returns (patch size, stride) in pixels; a stride of None is half the patch.

    Raises:
        ValueError: One is no positive int, or the stride skips pixels.
    """
    checks.integer("patch_size", patch_size, least=2, why="the side of a patch in pixels")
    stride = patch_size // 2 if stride is None else stride
    why = "at most patch_size, the distance of neighbouring patches in pixels"
    checks.integer("stride", stride, most=patch_size, why=why)
    return patch_size, stride


def check_patches(image_shape, patch_size, stride):
    """Raises ValueError unless the patches cover the image: pixels in none would be free."""
    for side in image_shape[:2]:
        if side < patch_size or (side - patch_size) % stride:
            raise ValueError(
                f"Patches of {patch_size}x{patch_size} pixels at stride {stride} do not cover "
                f"images of {image_shape[0]}x{image_shape[1]}, so some pixels would be "
                "constrained by nothing. Choose patch_size= and stride= such that the stride "
                "divides height - patch_size and width - patch_size."
            )


def patch_means(images, patch_size, stride):
    """Returns each patch's mean, a channel at a time: `[B, H, W, C]` to `[B, rows, columns, C]`."""
    return tf.nn.avg_pool2d(images, patch_size, stride, "VALID")


def patch_variances(images, patch_size, stride):
    """Returns each patch's means and variances, both `[B, rows, columns, C]`.

    The variance is E[x²] - E[x]² about the middle of the pixel range, exact to about 3e-8 there.
    """
    centred = images - 0.5
    means = patch_means(centred, patch_size, stride)
    variances = patch_means(centred**2, patch_size, stride) - means**2
    return means + 0.5, tf.nn.relu(variances)
