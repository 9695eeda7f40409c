"""What goes wrong with an image or with bytes."""

__all__ = ["CodecError"]


class CodecError(ValueError):
    """An image that cannot be coded, or bytes that are no code of this codec.

    Attributes:
        index: Number of the image that cannot be coded, else None.
        reason: What is wrong with it, without its number and without what to do.
    """

    def __init__(self, message, index=None, reason=None):
        super().__init__(message)
        self.index, self.reason = index, reason
