"""The search for models with one vector of latents: best rows, then descent on the true error."""

import numpy as np
import tensorflow as tf

from zoo.codec.layout import Layout
from zoo.codec.scores import best_rows, factors_of, rates_of
from zoo.models.normal_latents import NormalLatents

__all__ = ["VectorSearch"]

_SWEEPS = 3
_DRAWS = 32  # Of a posterior without closed form.


class VectorSearch:
    """Finds codes for `zoo.ConvVAE` and `zoo.NVPVAE`.

    The rows of a codebook are the prior's noise: z itself, or what a prior's flow makes z of. For
    a posterior that is a flow stands the normal with the moments of its draws, brought back there.

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
        return Layout.of_rates([rates_of(*self._posterior(images), 0.0, 1.0)])

    def _posterior(self, images):
        """Means and scales in the prior's noise, float32 `[N, latents]` each."""
        if isinstance(self._model, NormalLatents):
            posterior = self._model.posterior(tf.constant(images), self._tolerance)
            return np.asarray(posterior.loc), np.asarray(posterior.scale)
        noise = self._noise_of(np.repeat(images, _DRAWS, axis=0))
        noise = np.asarray(noise).reshape(len(images), _DRAWS, -1)
        return noise.mean(axis=1), noise.std(axis=1)

    def _noise_of(self, images):
        """Draws z of a flow's posterior; returns the prior's noise that would have made it."""
        model = self._model
        (latents,) = model.encode(images, seed=0, tolerance=self._tolerance)
        if model.prior_flow is None:
            return latents
        given = model._given(self._tolerance, len(images))
        return model.prior_flow.inverse(latents, model._prior_condition(given.get("tolerance")))[0]

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
