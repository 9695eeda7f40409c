"""A model in this process, as the page asks it."""

import functools
import threading

import numpy as np

from training import kinds
from training.explore.explored_model import ExploredModel
from training.explore.reconstruction import Reconstruction, errors_of
from zoo import codec

__all__ = ["LocalModel"]

_SEED = 0  # Of the latents of a reconstruction: what a tolerance promises is about drawn ones.
_EFFORT = 4  # Of the codec, whose default takes four times as long for a few per cent.
_CODECS_KEPT = 32


class LocalModel(ExploredModel):
    """A Keras model; arguments and attributes as of `ExploredModel`, which has the rest."""

    def __init__(self, name, model, recipe=None):
        super().__init__(name, model, recipe, kinds.of_model(model).has_latents)
        self.has_chain = model.has_chain
        self.has_masks = model.takes_mask
        self._code_tolerance = recipe.tolerances.get("ReconstructionError") if recipe else None
        self._codecs = functools.lru_cache(_CODECS_KEPT)(self._make_codec)
        self._lock = threading.Lock()  # So that two users do not make the same codec twice.

    # === Images ===

    def reconstruct(self, images, context=None, tolerance=None):
        """Returns the `Reconstruction` of images `[N, H, W, C]`, with latents drawn."""
        given = self._given(tolerance, context)
        record = self._model.infer(images, seed=_SEED, **given)
        rate = np.asarray(record.rate)
        # Of chains no more than a bound is known, that of their paths.
        measure = "rate" if "acceptance" not in record.measures else "rate at most"
        if not self._model.has_mean:
            drawn = np.asarray(self._model.reconstruct(images, seed=_SEED, **given))
            return Reconstruction(drawn, None, rate, measure)
        means = np.asarray(record.reconstruction)
        return Reconstruction(means, errors_of(images, means), rate, measure)

    def _first_latents(self):
        images, context = self.first_example  # By the graph that `reconstruct` has made.
        return self._model.infer(images, seed=_SEED, **self._given(context=context)).latents

    def sample_chain(self, num, seed, temperature=1.0):
        """Returns samples after each step, `[T, num, H, W, C]`, of a model that has a chain."""
        chain = self._model.sample(num, seed=seed, temperature=temperature, return_chain=True)
        return np.asarray(chain)

    @property
    def num_steps(self):
        """Langevin steps of a model that has masks."""
        return self._model.num_steps

    def inpaint(self, image, mask, seeds, num_steps):
        """Returns images with the hidden pixels filled in, one for each seed, `[N, H, W, C]`."""
        filled = [
            self._model.reconstruct(image[None], mask=mask, seed=seed, num_steps=num_steps)
            for seed in seeds
        ]
        return np.concatenate([np.asarray(images) for images in filled])

    # === Codes ===

    @functools.cached_property
    def has_codec(self):
        """Whether images can be coded; makes the codec of the range's middle."""
        try:
            return self.has_latents and self._codec_at(self.middle) is not None
        except (ValueError, ImportError):
            return False

    def code(self, image, tolerance=None, context=None):
        """Codes an image.

        Returns:
            The number of bytes of its code, what the codec promises, and an archive with the code.

        Raises:
            CodecError: No code is within the tolerance.
        """
        coder = self._codec_at(tolerance)
        (code,) = coder.encode(image[None], **({} if context is None else {"context": context}))
        is_exact = isinstance(coder, codec.LosslessCodec)
        promise = "without loss" if is_exact else f"within an rmse of {coder.tolerance:.3g}"
        return len(code), promise, codec.pack(coder, [code])

    def _codec_at(self, tolerance):
        with self._lock:
            return self._codecs(self._code_tolerance if self.tolerances is None else tolerance)

    def _make_codec(self, tolerance):
        if not self._model.has_mean:
            return codec.LosslessCodec(self._model)
        if tolerance is None:
            raise ValueError("A codec needs a tolerance, and this model was trained without one.")
        return codec.Codec(self._model, tolerance, effort=_EFFORT)
