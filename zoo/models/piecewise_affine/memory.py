"""How much memory the posterior of a batch may take, said before it is taken."""

import tensorflow as tf

from zoo.errors import MARK, BatchError
from zoo.models.piecewise_affine import intervals

__all__ = ["MOST_BYTES", "MemoryLimit"]

MOST_BYTES = 4 * 2**30
_TABLES = 4  # Of as many numbers as the moments have, alive at the same time.


class MemoryLimit:
    """Adds to a `zoo.PiecewiseAffineVAE` the checks of its batches; before the base class."""

    def _bytes_of_image(self, num_regions):
        """What the posterior of an image takes, for so many regions."""
        return 8 * _TABLES * (1 + self.latent_dim + self.latent_dim**2) * num_regions

    def _check_batch(self, images, context):
        images, context = super()._check_batch(images, context)
        if self.latent_dim == 1 and images.shape[0] is not None:
            num_regions = intervals.num_intervals(self.hidden_units)
            num_bytes = images.shape[0] * self._bytes_of_image(num_regions)
            if num_bytes > MOST_BYTES:
                raise BatchError(self._too_large(images.shape[0], num_regions, num_bytes))
        return images, context

    def _too_large(self, num_images, num_regions, num_bytes):
        most = MOST_BYTES // self._bytes_of_image(num_regions)
        return (
            f"The exact posterior of {num_images} images over {num_regions} regions would take "
            f"{num_bytes / 2**30:.1f} GiB of memory, the limit is {MOST_BYTES / 2**30:g} GiB: "
            f"pass at most {most} images at once, or make the model with fewer hidden_units."
        )

    def _assert_memory(self, num_images, regions):
        """Looks in the graph, where the number of polygons is known; before memory is taken."""
        if self.latent_dim == 1:
            return []
        num_regions = tf.cast(tf.shape(regions.ends)[0], tf.int64)
        num_bytes = tf.cast(num_images, tf.int64) * num_regions * self._bytes_of_image(1)
        message = (
            f"{MARK} The exact posterior of these images would take more memory than the limit of "
            f"{MOST_BYTES / 2**30:g} GiB: pass fewer at once, or make the model with fewer "
            "hidden_units. Images, regions and bytes received:"
        )
        is_right = num_bytes <= MOST_BYTES
        return [tf.debugging.Assert(is_right, [message, num_images, num_regions, num_bytes])]
