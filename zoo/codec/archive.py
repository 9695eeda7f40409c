"""A file of many codes: what it was made with stands in it once, and damage is found."""

import json
import struct
import zlib

from zoo.codec.codec import Codec
from zoo.codec.error import CodecError
from zoo.codec.fingerprint import fingerprint_of
from zoo.codec.layout import Layout
from zoo.codec.lossless import LosslessCodec

__all__ = ["pack", "unpack"]

_MAGIC = b"VAEZ"
_LOSSY, _LOSSLESS = 1, 2  # Formats, the byte after the magic.
# Magic, format, fingerprint, tolerance, number of codes, bytes of the layout.
_HEADER = struct.Struct(">4sB8sfII")
_LOSSLESS_HEADER = struct.Struct(">4sB8sI")
_CHECKSUM = struct.Struct(">I")
_LENGTH = struct.Struct(">I")  # Of a PNG, which no byte can count.


def pack(codec, codes):
    """Returns an archive of codes, bytes.

    It holds a format, the codec's fingerprint, tolerance and layout, the codes one after the
    other, and a CRC-32 of all of it, 29 bytes and the layout's, for ConvDRAW about 90. A lossless
    one has neither tolerance nor layout, and the length of each code: 21 bytes, and one or two a
    code.

    Args:
        codec: The `Codec` or `LosslessCodec` that made them.
        codes: What its `encode` returned.

    Example:
        >>> codes = codec.encode(images, unfit="png")
        >>> archive = zoo.codec.pack(codec, codes)  # bytes, to be written to a file
    """
    if isinstance(codec, LosslessCodec):
        header = _LOSSLESS_HEADER.pack(_MAGIC, _LOSSLESS, codec.fingerprint, len(codes))
        parts = [_as_varint(len(code)) + code for code in codes]
    else:
        layout = zlib.compress(json.dumps(codec.layout.to_dict()).encode(), level=9)
        facts = codec.fingerprint, codec.tolerance, len(codes), len(layout)
        header = _HEADER.pack(_MAGIC, _LOSSY, *facts) + layout
        parts = [
            code if code[0] else code[:1] + _LENGTH.pack(len(code) - 1) + code[1:] for code in codes
        ]
    body = b"".join([header, *parts])
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unpack(data, model):
    """Reads an archive.

    Args:
        data: What `pack` returned.
        model: The model that the codes were made with.

    Returns:
        A `Codec` or `LosslessCodec` that decodes them, and the list of codes.

    Raises:
        CodecError: No archive, a damaged one, one of another format, or of another model.

    Example:
        >>> archive = zoo.codec.pack(codec, codec.encode(images, unfit="png"))
        >>> receiver, codes = zoo.codec.unpack(archive, codec.model)
        >>> receiver.decode(codes)  # uint8 [N, 28, 28, 1]
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise CodecError(
            f"This is no archive of images by a codec of VAE Zoo: it begins with {data[:4]!r}."
        )
    found = data[len(_MAGIC)] if len(data) > len(_MAGIC) else _LOSSY
    if found not in (_LOSSY, _LOSSLESS):
        raise CodecError(
            f"The archive is of format {found}, and this version of VAE Zoo reads formats "
            f"{_LOSSY} and {_LOSSLESS}: another version wrote it."
        )
    body, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    header = _HEADER if found == _LOSSY else _LOSSLESS_HEADER
    if len(body) < header.size or _CHECKSUM.unpack(checksum)[0] != zlib.crc32(body):
        raise CodecError(
            "The archive is damaged: its checksum is not that of its content. Fetch it again; no "
            "part of it can be read."
        )
    try:
        return _parse(body, model) if found == _LOSSY else _parse_lossless(body, model)
    except (zlib.error, struct.error, IndexError, KeyError, TypeError) as error:
        raise CodecError(f"The archive cannot be read: {error}") from error


def _parse(body, model):
    _, _, fingerprint, tolerance, num_codes, layout_size = _HEADER.unpack_from(body)
    end = _HEADER.size + layout_size
    layout = Layout.from_dict(json.loads(zlib.decompress(body[_HEADER.size : end])))
    _check_same(fingerprint, fingerprint_of(model, layout), model)
    return Codec(model, tolerance, layout=layout), list(_split(body, end, num_codes))


def _parse_lossless(body, model):
    _, _, fingerprint, num_codes = _LOSSLESS_HEADER.unpack_from(body)
    _check_same(fingerprint, fingerprint_of(model, "lossless"), model)
    codes, position = [], _LOSSLESS_HEADER.size
    for _ in range(num_codes):
        size, position = _read_varint(body, position)
        codes.append(body[position : position + size])
        position += size
    return LosslessCodec(model), codes


def _check_same(fingerprint, own, model):
    if own != fingerprint:
        raise CodecError(
            f"The archive was made with another model than this {type(model).__name__}: their "
            f"fingerprints are {fingerprint.hex()} and {own.hex()}."
        )


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


def _as_varint(number):
    """Seven bits a byte, those of most weight last; the top bit says that more follow."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def _read_varint(body, position):
    number, shift = 0, 0
    while True:
        part = body[position]
        number |= (part & 127) << shift
        position, shift = position + 1, shift + 7
        if part < 128:
            return number, position
