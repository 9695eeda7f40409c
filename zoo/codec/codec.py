"""Images to a few bytes and back, by a latent model."""

import dataclasses
import hashlib
import io
import json

import numpy as np
from PIL import Image

from zoo import checks
from zoo.codec.codebook import rows_of_book
from zoo.codec.decoder import Decoder
from zoo.codec.draw_search import DrawSearch
from zoo.codec.layout import pack, unpack
from zoo.codec.vector_search import VectorSearch
from zoo.models.conv_draw import ConvDRAW
from zoo.models.normal_latents import NormalLatents
from zoo.models.nvp_vae import NVPVAE

__all__ = ["Codec", "CodecError"]

_VERSION = 1
_BATCH = 64
_SAMPLES = 256  # Of the model's own, from which it is found where the rate lies.
_MOST_BYTES = 255  # The first byte of a code counts the others; 0 stands for a PNG file.
# Budgets that are tried, in shares of an image's rate, and a few bytes more.
_LEAST_SHARE, _MOST_SHARE, _MORE_BYTES = 0.6, 4, 8


class CodecError(ValueError):
    """An image that cannot be coded, or bytes that are no code of this codec."""


class Codec:
    """Codes images by the latents of a model, each to within a root mean squared error.

    A code says which rows of shared codebooks, which are draws from the model's prior, come closest
    to the image: the sender searches, the receiver looks them up and decodes. No entropy coder and
    no probability enters the bits, so machines that round otherwise decode the same picture to
    within one of 256 levels. The number of bytes is that of the model's rate and a little more: see
    docs/CODEC.md. A code is of use with this model only, whose weights are not in it.

    Each code begins with the number of its bytes, the least with which the decoded 8-bit image is
    within the tolerance; this is checked by decoding it. The models are `zoo.ConvDRAW`, conditional
    too, and those with one vector of latents, `zoo.ConvVAE` and `zoo.NVPVAE`. Of a model with a
    range of tolerances the codec's is the input.

    Source: index coding by beam search as in Flamich, Havasi & Hernández-Lobato 2020 (iREC), with
    the best candidate in the place of a sample; Havasi et al. 2019 (MIRACLE).

    Args:
        model: A trained `zoo.LatentImageModel`.
        tolerance: κ, the largest root mean squared error of a decoded image, in pixel units of
            [0, 1]; of a model with a range, one within it.
        effort: How many codes are kept in the search, at least 1: 64 saves about 6% of the bytes
            of 16 and takes four times as long.
        most_bytes: The largest code, at most 255 bytes.
        like: Images (and, of a conditional model, their contexts, as a pair) like those to be
            coded, of the training split say: where their rate lies the bits go. None: samples of
            the model, which differ a little from its data.
        layout: The `layout` of another codec, in the place of `like`: sender and receiver must
            have the same. An archive brings it along.

    Raises:
        ValueError: A model that this codec cannot be made of, or a number out of range.

    Example:
        >>> codec = zoo.codec.Codec(zoo.load("conv_draw_mnist"), tolerance=0.1)
        >>> codes = codec.encode(images)    # a list of bytes, about 9 each
        >>> decoded = codec.decode(codes)   # uint8 [N, 28, 28, 1]
    """

    def __init__(self, model, tolerance, effort=16, most_bytes=_MOST_BYTES, like=None, layout=None):
        search = _search_of(model)
        self.model = model
        self.tolerance = _as_float32(checks.number("tolerance", tolerance, above=0))
        given = None  # To a model with a range of tolerances.
        if model.tolerance_range is not None:
            (given,) = model._check_tolerance(self.tolerance, 1)
        self.effort = checks.integer("effort", effort)
        self.most_bytes = checks.integer("most_bytes", most_bytes, most=_MOST_BYTES)
        self._decoder = Decoder(model, given)
        self._search = search(model, self._decoder, self.effort, given)
        self.layout = layout or self._layout_for(like)

    def _layout_for(self, like):
        if like is None:
            return self._search.layout(*self._own_samples())
        return self._search.layout(*self._checked(*(like if isinstance(like, tuple) else (like,))))

    def _checked(self, images, context=None):
        images, context = self.model._check_batch(images, context)
        images = np.asarray(self.model._as_images(images))
        return images, None if context is None else np.asarray(self.model._as_context(context))

    def _own_samples(self):
        """Samples of the model, which sender and receiver can both draw."""
        context = None
        if self.model.context_shape is not None:
            rng = np.random.default_rng(0)
            context = rng.uniform(size=(_SAMPLES, *self.model.context_shape)).astype(np.float32)
        given = {} if self.model.tolerance_range is None else {"tolerance": self.tolerance}
        samples = self.model.sample(_SAMPLES, seed=0, context=context, **given)
        return np.clip(np.asarray(samples, np.float32), 0.0, 1.0), context

    @property
    def fingerprint(self):
        """Eight bytes that differ where another model, or another layout, would decode."""
        layout = dataclasses.astuple(self.layout)
        digest = hashlib.sha256(json.dumps([_VERSION, *layout]).encode())
        digest.update(self.model.compute_dtype.encode())
        for weight in self.model.weights:
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.digest()[:8]

    # === Images to bytes ===

    def encode(self, images, context=None, unfit="error"):
        """Codes images.

        Args:
            images: uint8 or floats in [0, 1], `[N, H, W, C]`.
            context: As the model takes it.
            unfit: What to do with images that no code of `most_bytes` brings within the tolerance:
                `"error"`, or `"png"` to keep them without loss.

        Returns:
            A list of N bytes objects: the number of bytes that follow, and these; or 0 and a PNG.

        Raises:
            CodecError: An image does not fit; named, with the least error reached.
            ValueError: Images or context that the model does not take.
        """
        checks.choice("unfit", unfit, ("error", "png"))
        images, context = self._checked(images, context)
        codes = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
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
            if code is None and unfit == "error":
                raise CodecError(
                    f"Image {start + i} cannot be coded within a root mean squared error of "
                    f"{self.tolerance:g} by {self.most_bytes} bytes, or by four times its rate: "
                    f"the least error reached is {least[i]:.4f}. Allow a larger tolerance, or pass "
                    "unfit='png' to keep such images as PNG."
                )
            if code is None:
                codes[i] = bytes([0]) + _as_png(images[i])
        return codes

    def _budgets(self, images, context):
        """Yields numbers of bytes, growing, and which images are to be tried with each."""
        given = {} if self.model.tolerance_range is None else {"tolerance": self.tolerance}
        rate = np.asarray(self.model.infer(images, context, seed=0, **given).rate)
        rate = np.maximum(rate, 0.0) / np.log(2.0) / 8.0
        first = np.clip((_LEAST_SHARE * rate).astype(int), 1, self.most_bytes)
        last = np.minimum(_MOST_SHARE * rate + _MORE_BYTES, self.most_bytes).astype(int)
        num_bytes, end = int(first.min()), int(last.max())
        yield num_bytes, np.flatnonzero(first <= num_bytes)
        while num_bytes < end:
            num_bytes = min(num_bytes + max(1, num_bytes // 16), end)
            yield num_bytes, np.flatnonzero((first <= num_bytes) & (num_bytes <= last))

    def _code(self, images, context, num_bytes):
        """Returns the payloads of a budget, and the errors of the images that they decode to."""
        blocks = self.layout.blocks(num_bytes)

        def error(noise, times):
            given = None if context is None else np.repeat(context, times, axis=0)
            return _rmse(self._decoder(noise, given), np.repeat(images, times, axis=0))

        rows, noise = self._search.search(images, context, blocks, error)
        return [pack(row, blocks, num_bytes) for row in rows], error(noise, 1)

    # === Bytes to images ===

    def decode(self, codes, context=None):
        """Returns the images of codes, uint8 `[N, H, W, C]`.

        Args:
            codes: A list of bytes objects, as from `encode`.
            context: As `encode` was given it.

        Raises:
            CodecError: A code that is cut, too long, or of images of another size.
        """
        noise = np.zeros((len(codes), self._decoder.num_latents), np.float32)
        for i, code in enumerate(codes):
            if not code or (code[0] and len(code) != code[0] + 1):
                raise CodecError(
                    f"Code {i} is cut or too long: its first byte counts those that follow. "
                    f"Received: {len(code)} bytes, of which the first is {code[:1].hex() or 'none'}"
                )
            if code[0]:
                noise[i] = self._noise_of(code[1:])
        context = self.model._check_context(context, len(codes))
        context = None if context is None else np.asarray(self.model._as_context(context))
        images = self._decoder(noise, context)
        for i, code in enumerate(codes):
            if not code[0]:
                images[i] = _from_png(code[1:], i, self.model.image_shape)
        return images

    def _noise_of(self, payload):
        blocks = self.layout.blocks(len(payload))
        groups = [np.zeros(size, np.float32) for size in self.layout.sizes]
        for block, row in zip(blocks, unpack(payload, blocks), strict=True):
            size = len(block.members)
            groups[block.group][block.members] = rows_of_book(block.number, row, 1, size)[0]
        return np.concatenate(groups)


def _as_float32(tolerance):
    """Returns the largest float32 that is not above it, which is what an archive can hold."""
    nearest = np.float32(tolerance)
    return float(nearest if nearest <= tolerance else np.nextafter(nearest, np.float32(0)))


def _search_of(model):
    if isinstance(model, ConvDRAW):
        return DrawSearch
    if isinstance(model, NormalLatents | NVPVAE) and model.has_mean:
        return VectorSearch
    raise ValueError(
        "A codec is made of a ConvDRAW, or of a model with a mean and one vector of latents, such "
        f"as ConvVAE or NVPVAE. Received: a {type(model).__name__}"
    )


def _rmse(levels, images):
    difference = levels / np.float32(255) - images
    return np.sqrt(np.mean(np.square(difference, dtype=np.float64), axis=(1, 2, 3)))


def _as_png(image):
    levels = np.round(255 * image).astype(np.uint8)
    pages = levels[..., 0] if levels.shape[-1] == 1 else levels
    stream = io.BytesIO()
    Image.fromarray(pages).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _from_png(data, index, image_shape):
    try:
        image = np.asarray(Image.open(io.BytesIO(data)))
    except (OSError, ValueError) as error:
        raise CodecError(f"Code {index} says that a PNG follows, and none does: {error}") from error
    image = image[..., None] if image.ndim == 2 else image
    if image.shape != tuple(image_shape):
        raise CodecError(
            f"Code {index} is a PNG of {image.shape}, and this model's images are {image_shape}."
        )
    return image
