"""An image codec made of a latent model: see `Codec` and docs/CODEC.md."""

from zoo.codec.archive import pack, unpack
from zoo.codec.codec import Codec
from zoo.codec.error import CodecError

__all__ = ["Codec", "CodecError", "pack", "unpack"]
