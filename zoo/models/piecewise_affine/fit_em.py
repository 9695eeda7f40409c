"""`fit_em` of a `zoo.PiecewiseAffineVAE`."""

from zoo import checks
from zoo.base.compiled import compiled
from zoo.errors import BatchError
from zoo.models.latent_image_model import LatentImageModel
from zoo.models.piecewise_affine import intervals
from zoo.models.piecewise_affine.maximisation import ExpectationMaximisation
from zoo.models.piecewise_affine.memory import MOST_BYTES
from zoo.models.piecewise_affine.statistics import Statistics, collect

__all__ = ["FitEM"]

_PART = MOST_BYTES // 16  # Of the images at a time.
_POLYGONS = 1024  # As many as are allowed for, where they are not counted.


class FitEM:
    """Adds training by exact expectation-maximisation."""

    def fit_em(self, images, steps=75, tolerance=1e-6, held_steps=3, verbose=1):
        """Trains by exact expectation-maximisation; log p(x) of the images never falls.

        A step solves for each layer, from the last to the first, and then for σ, each after an
        expectation of its own. The last layer and σ have their maximum in closed form; for the
        others, whose regions move with them, the solution is a direction, of which the largest
        fraction 1, ½, ¼, ... is taken that does not lower the exact likelihood.

        Args:
            images: `[N, H, W, C]`, float in [0, 1] or uint8, all in memory.
            steps: Steps at most.
            tolerance: Stop when a step raises log p(x) by less than this, in nats an image.
            held_steps: Steps at the start in which σ is held, as the authors do.
            verbose: 0 for no progress bar.

        Returns:
            A dict of lists: `log_density`, the mean log p(x) in nats an image, before the first
            step and after each, and `noise_scale`, σ in pixel units.

        Raises:
            BatchError: There are no images, or they are not such images.

        Example:
            >>> history = model.fit_em(images, steps=20)
            >>> history["log_density"]  # nats an image, before and after each step; never falls
        """
        checks.integer("steps", steps)
        checks.number("tolerance", tolerance, least=0)
        checks.integer("held_steps", held_steps, least=0)
        images, _ = LatentImageModel._check_batch(self, images, None)
        if not images.shape[0]:
            raise BatchError("fit_em learns from images. Received none of them.")
        return ExpectationMaximisation(self, images).run(steps, tolerance, held_steps, verbose)

    def em_statistics(self, images):
        """Returns what a step of expectation-maximisation needs to know of images: `Statistics`.

        Sums over the images, which are taken in parts, so that any number of them fits into memory.
        """
        num_regions = (
            intervals.num_intervals(self.hidden_units) if self.latent_dim == 1 else _POLYGONS
        )
        part = max(1, _PART // self._bytes_of_image(num_regions))
        parts = [
            self._run_em_statistics(images[start : start + part])
            for start in range(0, images.shape[0], part)
        ]
        return Statistics(*(sum(values[1:], values[0]) for values in zip(*parts, strict=True)))

    @compiled
    def _run_em_statistics(self, images):
        return tuple(collect(self._exact(self._as_images(images))))
