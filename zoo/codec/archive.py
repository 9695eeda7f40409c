"""A file of many codes: what it was made with stands in it once, and damage is found."""

import json
import struct
import zlib

from zoo.codec.codec import Codec, fingerprint_of
from zoo.codec.error import CodecError
from zoo.codec.layout import Layout

__all__ = ["pack", "unpack"]

_MAGIC = b"VAEZ"
_VERSION = 1
# Magic, version, fingerprint, tolerance, number of codes, bytes of the layout.
_HEADER = struct.Struct(">4sB8sfII")
_CHECKSUM = struct.Struct(">I")
_LENGTH = struct.Struct(">I")  # Of a PNG, which no byte can count.


def pack(codec, codes):
    """Returns an archive of codes, bytes.

    It holds a version, the codec's fingerprint, tolerance and layout, the codes one after the
    other, and a CRC-32 of all of it, 29 bytes and the layout's, for ConvDRAW about 90.

    Args:
        codec: The `Codec` that made them.
        codes: What its `encode` returned.
    """
    layout = zlib.compress(json.dumps(codec.layout.to_dict()).encode(), level=9)
    header = _HEADER.pack(
        _MAGIC, _VERSION, codec.fingerprint, codec.tolerance, len(codes), len(layout)
    )
    parts = [
        code if code[0] else code[:1] + _LENGTH.pack(len(code) - 1) + code[1:] for code in codes
    ]
    body = b"".join([header, layout, *parts])
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unpack(data, model):
    """Reads an archive.

    Args:
        data: What `pack` returned.
        model: The model that the codes were made with.

    Returns:
        A `Codec` that decodes them, and the list of codes.

    Raises:
        CodecError: No archive, a damaged one, one of another format, or of another model.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise CodecError(
            f"This is no archive of images by a codec of VAE Zoo: it begins with {data[:4]!r}."
        )
    if len(data) > len(_MAGIC) and data[len(_MAGIC)] != _VERSION:
        raise CodecError(
            f"The archive is of format {data[len(_MAGIC)]}, and this version of VAE Zoo reads "
            f"format {_VERSION}: another version wrote it."
        )
    body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    if len(body) < _HEADER.size or _CHECKSUM.unpack(checksum)[0] != zlib.crc32(body):
        raise CodecError(
            "The archive is damaged: its checksum is not that of its content. Fetch it again; no "
            "part of it can be read."
        )
    try:
        return _parse(body, model)
    except (zlib.error, struct.error, IndexError, KeyError, TypeError) as error:
        raise CodecError(f"The archive cannot be read: {error}") from error


def _parse(body, model):
    _, _, fingerprint, tolerance, num_codes, layout_size = _HEADER.unpack_from(body)
    end = _HEADER.size + layout_size
    layout = Layout.from_dict(json.loads(zlib.decompress(body[_HEADER.size : end])))
    own = fingerprint_of(model, layout)
    if own != fingerprint:
        raise CodecError(
            f"The archive was made with another model than this {type(model).__name__}: their "
            f"fingerprints are {fingerprint.hex()} and {own.hex()}."
        )
    return Codec(model, tolerance, layout=layout), list(_split(body, end, num_codes))


def _split(body, position, num_codes):
    for _ in range(num_codes):
        first = body[position : position + 1]
        position += 1
        size = first[0]
        if not size:
            (size,) = _LENGTH.unpack_from(body, position)
            position += _LENGTH.size
        yield first + body[position : position + size]
        position += size
