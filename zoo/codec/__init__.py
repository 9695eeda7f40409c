"""An image codec made of a latent model: see `Codec`, `LosslessCodec` and docs/CODEC.md."""

from zoo.codec.archive import pack, unpack
from zoo.codec.codec import Codec
from zoo.codec.error import CodecError
from zoo.codec.lossless import LosslessCodec

__all__ = ["Codec", "CodecError", "LosslessCodec", "pack", "unpack"]
