"""What a picture was drawn from: a hash of the data, kept in the PNG file."""

import hashlib

__all__ = ["digest", "read_stamp", "stamp"]

_KEY = "Drawn-From"


def digest(sources):
    """Returns the SHA-256 of files' contents, in their order, as hexadecimal text.

    Args:
        sources: Paths; each one's length is hashed with it.
    """
    whole = hashlib.sha256()
    for source in sources:
        content = source.read_bytes()
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()


def stamp(path, sources):
    """Writes the digest of what a picture was drawn from into its PNG file."""
    from PIL import Image, PngImagePlugin

    with Image.open(path) as picture:
        picture.load()
    text = PngImagePlugin.PngInfo()
    text.add_text(_KEY, digest(sources))
    picture.save(path, pnginfo=text, optimize=True)


def read_stamp(path):
    """Returns the digest in a picture, or None if it has none."""
    from PIL import Image

    with Image.open(path) as picture:
        return picture.info.get(_KEY)
