"""Images to a few bytes and back, by a latent model."""

import numpy as np

from zoo import checks
from zoo.codec import budgets, png
from zoo.codec.budgets import MORE_BYTES, MOST_BYTES
from zoo.codec.codebook import rows_of_book
from zoo.codec.decoder import Decoder
from zoo.codec.draw_search import DrawSearch
from zoo.codec.error import CodecError
from zoo.codec.fingerprint import fingerprint_of
from zoo.codec.layout import as_bytes, as_rows
from zoo.codec.vector_search import VectorSearch
from zoo.models.conv_draw import ConvDRAW
from zoo.models.normal_latents import NormalLatents
from zoo.models.nvp_vae import NVPVAE

__all__ = ["Codec"]

_SEARCHED_AT_ONCE = 1024  # Images times partial codes, which bounds the memory.
_MOST_EFFORT = 256
_SAMPLES = 256  # Of the model's own, from which it is found where the rate lies.


class Codec:
    """Codes images by the latents of a model, each to within a root mean squared error.

    A code says which rows of shared codebooks, which are draws from the model's prior, come closest
    to the image: the sender searches, the receiver looks them up and decodes. No entropy coder and
    no probability enters the bits, so a machine that rounds otherwise decodes the same picture to
    within one of 256 levels. The number of bytes is that of the model's rate and a little more: see
    docs/CODEC.md. A code is of use with this model only, whose weights are not in it.

    Each code begins with the number of its bytes, the first of a growing row of budgets with which
    the decoded 8-bit image is within the tolerance; this is checked by decoding it, on the machine
    that codes. The models are `zoo.ConvDRAW`, conditional too but without `global_latents`, and
    those with one vector of latents and a mean, `zoo.ConvVAE` and `zoo.NVPVAE`. Of a model with a
    range of tolerances the codec's is the input.

    Codes that go elsewhere belong in an archive (`zoo.codec.pack`), which brings the layout of the
    bits along and finds damage: a flipped bit of a bare code is another picture.

    Source: index coding by beam search as in Flamich, Havasi & Hernández-Lobato 2020 (iREC), with
    the best candidate instead of a sample; Havasi et al. 2019 (MIRACLE).

    Args:
        model: A trained `zoo.LatentImageModel`.
        tolerance: κ, the largest root mean squared error of a decoded image, in pixel units of
            [0, 1]; of a model with a range, one within it.
        effort: How many codes are kept in the search, from 1 to 256; the time grows with it.
        most_bytes: The largest code, at most 255 bytes.
        like: Images (and, of a conditional model, their contexts, as a pair) like those to be
            coded, of the training split say: where their rate lies the bits go. None: samples of
            the model, which differ a little from its data.
        layout: The `layout` of another codec, instead of `like`: sender and receiver must
            have the same, which one of other samples or another machine need not be. An archive
            brings it along.

    Raises:
        ValueError: A model that this codec cannot be made of, or a number out of range.

    Example:
        >>> codec = zoo.codec.Codec(zoo.load("conv_draw_mnist"), tolerance=0.1)
        >>> codes = codec.encode(images)    # a list of bytes, about 8 each
        >>> decoded = codec.decode(codes)   # uint8 [N, 28, 28, 1]
    """

    def __init__(self, model, tolerance, effort=16, most_bytes=MOST_BYTES, like=None, layout=None):
        search = _search_of(model)
        self.model = model
        self.tolerance = _as_float32(checks.number("tolerance", tolerance, **checks.PIXEL_ERROR))
        # What a model with a range of tolerances is given.
        self._input = None if model.tolerance_range is None else self.tolerance
        model._check_tolerance(self._input)
        self.effort = checks.integer("effort", effort, most=_MOST_EFFORT)
        self.most_bytes = checks.integer("most_bytes", most_bytes, most=MOST_BYTES)
        self._decoder = Decoder(model, self._input)
        self._search = search(model, self._decoder, self.effort, self._input)
        self.layout = self._layout_for(like) if layout is None else layout
        if layout is not None and (like is not None or sum(layout.sizes) != self._num_latents):
            raise ValueError(
                "Pass layout or like, not both, and a layout of this model's "
                f"{self._num_latents} latents. Received: one of {sum(layout.sizes)}"
                f"{', and like' if like is not None else ''}"
            )

    @property
    def _num_latents(self):
        return self._decoder.num_latents

    def _layout_for(self, like):
        images, context = self._own_samples() if like is None else (like, None)
        if isinstance(like, tuple):
            images, context = like
        rows = slice(_SAMPLES)
        if not len(images):
            raise ValueError("like must hold at least one image, to measure rates on. Received: 0")
        context = None if context is None else context[rows]
        return self._search.layout(*self._checked(images[rows], context))

    def _checked(self, images, context=None):
        images, context = self.model._check_batch(images, context)
        return np.asarray(self.model._as_images(images)), self._as_context(context)

    def _as_context(self, context):
        return None if context is None else np.asarray(self.model._as_context(context))

    def _own_samples(self):
        """Samples of the model, which sender and receiver can both draw."""
        context = None
        if self.model.context_shape is not None:
            rng = np.random.default_rng(0)
            context = rng.uniform(size=(_SAMPLES, *self.model.context_shape)).astype(np.float32)
        samples = self.model.sample(_SAMPLES, seed=0, context=context, tolerance=self._input)
        return np.clip(np.asarray(samples, np.float32), 0.0, 1.0), context

    @property
    def fingerprint(self):
        """Eight bytes that differ where another model, or another layout, would decode."""
        return fingerprint_of(self.model, self.layout)

    # === Images to bytes ===

    def encode(self, images, context=None, unfit="error"):
        """Codes images.

        Args:
            images: uint8 or floats in [0, 1], `[N, H, W, C]`.
            context: As the model takes it.
            unfit: What to do with images that no code of `most_bytes` brings within the tolerance:
                `"error"`, or `"png"` to keep them as 8-bit PNG.

        Returns:
            A list of N bytes objects: the number of bytes that follow, and these; or 0 and a PNG.

        Raises:
            CodecError: An image does not fit; named, with the least error reached.
            ValueError: Images or context that the model does not take, or of too many channels
                for PNG.

        Example:
            >>> codes = codec.encode(images, unfit="png")
            >>> [len(code) for code in codes]  # bytes of each image
        """
        checks.choice("unfit", unfit, ("error", "png"))
        channels = self.model.image_shape[-1]
        if unfit == "png" and channels > len(png.MODES):
            raise ValueError(
                f"unfit='png' takes images of at most 4 channels; this model's have {channels}."
            )
        images, context = self._checked(images, context)
        codes, size = [], max(1, _SEARCHED_AT_ONCE // self.effort)
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            given = None if context is None else context[part]
            codes += self._encode_batch(images[part], given, start, unfit)
        return codes

    def _encode_batch(self, images, context, start, unfit):
        codes = [None] * len(images)
        least = np.full(len(images), np.inf)
        for num_bytes, wanted in self._budgets(images, context):
            todo = [i for i in wanted if codes[i] is None]
            if not todo:
                continue
            given = None if context is None else context[todo]
            found, errors = self._code(images[todo], given, num_bytes)
            least[todo] = np.minimum(least[todo], errors)
            for i, code, error in zip(todo, found, errors, strict=True):
                if error <= self.tolerance:
                    codes[i] = bytes([num_bytes]) + code
        for i, code in enumerate(codes):
            if code is None:
                codes[i] = self._without_code(images[i], start + i, least[i], unfit)
        return codes

    def _without_code(self, image, index, least, unfit):
        """Returns an image as PNG, if that is wanted and within the tolerance."""
        if unfit == "png":
            levels = np.round(255 * image).astype(np.uint8)
            least = _rmse(levels[None], image[None])[0]
            if least <= self.tolerance:
                return bytes([0]) + png.as_png(levels)
        reason = (
            f"cannot be coded within a root mean squared error of {self.tolerance:.6g} by "
            f"{self.most_bytes} bytes, or by four times its rate and {MORE_BYTES} more: the least "
            f"error reached is {least:.6g}"
        )
        advice = "Allow a larger tolerance"
        advice += "." if unfit == "png" else ", or pass unfit='png' to keep such images as PNG."
        raise CodecError(f"Image {index} {reason}. {advice}", index, reason)

    def _budgets(self, images, context):
        """Yields numbers of bytes, growing, and which images are to be tried with each."""
        record = self.model.infer(images, context, seed=0, tolerance=self._input)
        sizes = budgets.sizes_of(self.layout, self.most_bytes)
        return budgets.tries(np.asarray(record.rate, np.float64), sizes)

    def _code(self, images, context, num_bytes):
        """Returns the payloads of a budget, and the errors of the images that they decode to."""
        blocks = self.layout.blocks(num_bytes)

        def error(noise, times):
            given = None if context is None else np.repeat(context, times, axis=0)
            return _rmse(self._decoder(noise, given), np.repeat(images, times, axis=0))

        rows, noise = self._search.search(images, context, blocks, error)
        return [as_bytes(row, blocks, num_bytes) for row in rows], error(noise, 1)

    # === Bytes to images ===

    def decode(self, codes, context=None):
        """Returns the images of codes, uint8 `[N, H, W, C]`.

        Args:
            codes: A list of bytes objects, as from `encode`.
            context: As `encode` was given it.

        Raises:
            CodecError: A code that is too short, too long, or of images of another size.

        Example:
            >>> codes = codec.encode(images, unfit="png")
            >>> codec.decode(codes)  # uint8 [N, 28, 28, 1], each within codec.tolerance
        """
        if isinstance(codes, bytes | bytearray):
            raise CodecError("decode takes a list of codes. Received: one; pass [code].")
        noise = np.zeros((len(codes), self._num_latents), np.float32)
        for i, code in enumerate(codes):
            if not code or (code[0] and len(code) != code[0] + 1):
                raise CodecError(
                    f"Code {i} is too short or too long: its first byte counts those that follow. "
                    f"Received: {len(code)} bytes, of which the first is {code[:1].hex() or 'none'}"
                )
            if code[0]:
                noise[i] = self._noise_of(code[1:])
        context = self._as_context(self.model._check_context(context, len(codes)))
        images = self._decoder(noise, context)
        for i, code in enumerate(codes):
            if not code[0]:
                images[i] = png.from_png(code[1:], i, self.model.image_shape)
        return images

    def _noise_of(self, payload):
        blocks = self.layout.blocks(len(payload))
        groups = [np.zeros(size, np.float32) for size in self.layout.sizes]
        for block, row in zip(blocks, as_rows(payload, blocks), strict=True):
            size = len(block.members)
            groups[block.group][block.members] = rows_of_book(block.number, row, 1, size)[0]
        return np.concatenate(groups)


def _as_float32(tolerance):
    """Returns the largest float32 that is not above it, which is what an archive can hold."""
    nearest = np.float32(tolerance)
    if float(nearest) > tolerance:
        nearest = np.nextafter(nearest, np.float32(0))
    return checks.number("tolerance", float(nearest), above=0)


def _search_of(model):
    prior = getattr(model, "prior", "standard_normal")
    if not isinstance(prior, str):
        raise ValueError(
            "A codec's shared codebooks are draws from a normal prior. Received: a "
            f"{type(model).__name__} with a prior of class {type(prior).__name__}. Make the codec "
            "of a model without one."
        )
    if getattr(model, "global_latents", None) is not None:
        raise ValueError(
            "A codec searches step by step, and global_latents come before all steps. Received: a "
            f"{type(model).__name__} with global_latents={model.global_latents}. Make the codec of "
            "one without."
        )
    if isinstance(model, ConvDRAW):
        return DrawSearch
    if isinstance(model, NormalLatents | NVPVAE) and model.has_mean:
        return VectorSearch
    why = "its latents are not of one vector" if model.has_mean else "its images have no mean"
    raise ValueError(
        "A codec is made of a ConvDRAW, ConvVAE or NVPVAE, and a lossless one of a PixelVAE. "
        f"Received: a {type(model).__name__}: {why}"
    )


def _rmse(levels, images):
    difference = levels / 255.0 - images.astype(np.float64)
    return np.sqrt(np.mean(np.square(difference), axis=(1, 2, 3)))
