"""The search for models with one vector of latents: best rows, then descent on the true error."""

import numpy as np
import tensorflow as tf

from zoo.codec.layout import Layout
from zoo.codec.scores import best_rows, factors_of

__all__ = ["VectorSearch"]

_SWEEPS = 3


class VectorSearch:
    """Finds codes for `zoo.ConvVAE` and for others whose prior is N(0, I) over one vector.

    Blocks do not depend on each other, so each first takes the row of largest q/p. Then, block by
    block, the best of its `effort` most likely rows by the true error of the decoded image.

    Args:
        model: The model.
        decoder: Its `Decoder`.
        effort: Rows of a block that are tried.
        tolerance: As in `Decoder`.
    """

    def __init__(self, model, decoder, effort, tolerance):
        self._model, self._decoder = model, decoder
        self._effort, self._tolerance = effort, tolerance

    def layout(self, images, context):
        """Returns the layout for images like these."""
        mean, scale = self._posterior(images)
        rates = 0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)
        return Layout.of_rates([rates.mean(axis=0)])

    def _posterior(self, images):
        posterior = self._model.posterior(tf.constant(images), self._tolerance)
        return np.asarray(posterior.loc), np.asarray(posterior.scale)

    def search(self, images, context, blocks, error):
        """Returns the rows of each block, `[N, blocks]`, and the noise they make, `[N, latents]`.

        Args:
            images: float32 `[N, H, W, C]`.
            context: As in the model, or None.
            blocks: A list of `Block`.
            error: A function of noise `[N * k, latents]` and of k to the root mean squared errors
                of the decoded images, `[N * k]`.
        """
        mean, scale = self._posterior(images)
        factors = factors_of(mean, scale, 0.0, 1.0)
        candidates = []
        numbers = np.zeros_like(mean)
        for block in blocks:
            rows, _, book = best_rows(block, factors, self._effort)
            candidates.append((rows, book))
            numbers[:, block.members] = book[rows[:, 0]]
        chosen = np.zeros((len(images), len(blocks)), int)
        for _ in range(_SWEEPS if len(blocks) > 1 else 1):
            before = chosen.copy()
            for place, (block, (rows, book)) in enumerate(zip(blocks, candidates, strict=True)):
                tried = np.repeat(numbers[:, None], rows.shape[1], axis=1)
                tried[:, :, block.members] = book[rows]
                errors = error(tried.reshape(-1, numbers.shape[1]), rows.shape[1])
                chosen[:, place] = errors.reshape(rows.shape).argmin(axis=1)
                numbers = tried[np.arange(len(tried)), chosen[:, place]]
            if (chosen == before).all():
                break
        picked = [
            rows[np.arange(len(rows)), chosen[:, i]] for i, (rows, _) in enumerate(candidates)
        ]
        return np.stack(picked, axis=1), numbers
