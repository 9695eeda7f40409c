"""What a server says of a signature: names, types and shapes of its inputs and outputs."""

import dataclasses

__all__ = ["ServedSignature", "TensorSpec"]


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One input or output.

    Attributes:
        dtype: Its type by name, such as `float32` or `string`.
        shape: Its shape, a tuple in which None is any size; None if the rank is unknown.
    """

    dtype: str
    shape: tuple | None

    @property
    def row_shape(self):
        """The shape of a row, without the batch dimension."""
        return (self.shape or (None,))[1:]


@dataclasses.dataclass(frozen=True)
class ServedSignature:
    """One thing that a served model answers.

    Attributes:
        inputs: Name to `TensorSpec`.
        outputs: Name to `TensorSpec`.
    """

    inputs: dict
    outputs: dict
