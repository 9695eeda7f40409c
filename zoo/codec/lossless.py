"""Images to bytes and back without any loss, by a PixelVAE and an arithmetic coder."""

import zlib

import numpy as np

from zoo.codec.error import CodecError
from zoo.codec.fingerprint import fingerprint_of
from zoo.codec.level_frequencies import PixelMixture
from zoo.codec.pixel_network import PixelNetwork
from zoo.codec.range_coder import SymbolReader, check_installed, write_symbols
from zoo.distributions import DiscretizedLogisticMixture
from zoo.models.pixel_vae import PixelVAE

__all__ = ["LosslessCodec"]

_BATCH = 16  # Fixed, for other sizes may round otherwise.
_CHECK = 2  # Bytes of a code that tell whether it was decoded to what was coded.


class LosslessCodec:
    """Codes 8-bit images exactly, by a `zoo.PixelVAE`.

    The model says how likely each level of a pixel is, given the pixels before it; an arithmetic
    coder takes minus the binary logarithm of that in bits, so that a code is as long as the model's
    `log_prob` at z = 0 says, and at most four bytes. The probabilities come from float64 networks,
    rounded to a coarse grid: see docs/CODEC.md. A machine that comes to other ones all the same
    reads another image, which the first two bytes of a code tell: it is refused.

    A code is of use with this model only. It needs the package constriction:
    `pip install 'vae-zoo[codec]'`.

    Args:
        model: A trained `zoo.PixelVAE` whose pixels are mixtures of discretised logistics.

    Raises:
        ValueError: Another model.
        ImportError: constriction is not installed.

    Example:
        >>> codec = zoo.codec.LosslessCodec(model)
        >>> codes = codec.encode(images)    # uint8 [N, 28, 28, 1] -> a list of bytes
        >>> assert (codec.decode(codes) == images).all()
    """

    def __init__(self, model):
        if not isinstance(model, PixelVAE):
            raise ValueError(
                "Lossless codes are made by a PixelVAE, which knows how likely each level of a "
                f"pixel is. Received: a {type(model).__name__}"
            )
        if not isinstance(model.likelihood, DiscretizedLogisticMixture):
            raise ValueError(
                "Lossless codes are of pixels of 256 levels, by the likelihood "
                f"'discretized_logistic_mixture'. Received: {type(model.likelihood).__name__}"
            )
        check_installed()
        self.model = model

    @property
    def fingerprint(self):
        """Eight bytes that differ where another model would decode."""
        return fingerprint_of(self.model, "lossless")

    def encode(self, images):
        """Codes images.

        Args:
            images: uint8, or floats in [0, 1] of which the nearest of 256 levels counts,
                `[N, H, W, C]`.

        Returns:
            A list of N bytes objects.

        Raises:
            ValueError: Images that the model does not take.

        Example:
            >>> codes = codec.encode(images)
            >>> 8 * sum(map(len, codes)) / images.size  # bits a pixel
        """
        images, _ = self.model._check_batch(images, None)
        images = np.asarray(self.model._as_images(images))
        levels = np.round(255.0 * images).astype(np.uint8)
        parts = range(0, len(levels), _BATCH)
        return [code for i in parts for code in self._encode_batch(levels[i : i + _BATCH])]

    def _encode_batch(self, levels):
        num, tables = len(levels), []
        padded = np.resize(levels, (_BATCH, *levels.shape[1:])).astype(np.int64)

        def take(row, column, channel, frequencies):
            tables.append(frequencies[:num])
            return padded[:, row, column, channel]

        self._walk(take)
        symbols = levels.reshape(num, -1)
        tables = np.stack(tables, axis=1)
        streams = map(write_symbols, symbols, tables)
        return [
            _check_of(image, stream) + stream for image, stream in zip(levels, streams, strict=True)
        ]

    def decode(self, codes):
        """Returns the images of codes, uint8 `[N, H, W, C]`.

        Raises:
            CodecError: A code that does not give what was coded: it is damaged, of another model,
                or this machine's networks round otherwise.

        Example:
            >>> codec.decode(codec.encode(images))  # the images to the last bit
        """
        if isinstance(codes, bytes | bytearray):
            raise CodecError("decode takes a list of codes. Received: one; pass [code].")
        images = np.zeros((len(codes), *self.model.image_shape), np.uint8)
        for start in range(0, len(codes), _BATCH):
            part = slice(start, start + _BATCH)
            images[part] = self._decode_batch(codes[part])
        for index, (code, image) in enumerate(zip(codes, images, strict=True)):
            if code[:_CHECK] != _check_of(image, code[_CHECK:]):
                raise CodecError(
                    f"Code {index} does not give the image that was coded: it is damaged, it was "
                    "made by another model, or the networks round otherwise on this machine than "
                    "on the one that coded it."
                )
        return images

    def _decode_batch(self, codes):
        readers = [SymbolReader(code[_CHECK:]) for code in codes]
        images = np.zeros((_BATCH, *self.model.image_shape), np.int64)

        def take(row, column, channel, frequencies):
            found = images[:, row, column, channel]
            for index, reader in enumerate(readers):
                (found[index],) = reader.read(frequencies[index : index + 1])
            return found

        self._walk(take)
        return images[: len(codes)]

    def _walk(self, take):
        """Goes over a batch, channel by channel; `take` gives levels `[B]` for frequencies."""
        channels, components = self.model.image_shape[-1], self.model.likelihood.num_components

        def take_pixel(row, column, parameters):
            mixture = PixelMixture(parameters, components, channels)
            levels = []
            for channel in range(channels):
                levels.append(take(row, column, channel, mixture.frequencies()))
                mixture.know(levels[-1])
            return np.stack(levels, axis=-1)

        PixelNetwork(self.model).walk(_BATCH, take_pixel)


def _check_of(image, stream):
    """Two bytes of the CRC-32 of an image's levels and of its stream's length."""
    levels = np.ascontiguousarray(image, np.uint8).tobytes()
    return (zlib.crc32(levels + len(stream).to_bytes(4, "big")) & 0xFFFF).to_bytes(_CHECK, "big")
