"""What a server says of a signature: names, types and shapes of its inputs and outputs."""

import dataclasses

from zoo.serving.client.errors import ServingError, SignatureNotFoundError

__all__ = ["ServedSignature", "TensorSpec", "find_signature"]


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


def find_signature(signatures, name, wanted, where):
    """Returns the signature of a name, which has the outputs `wanted`.

    Args:
        signatures: A dict of name to `ServedSignature`.
        name: Of the signature.
        wanted: Names of outputs.
        where: The model and its server, as errors name them.

    Raises:
        SignatureNotFoundError: There is none of this name.
        ServingError: It lacks an output.
    """
    if name not in signatures:
        has = ", ".join(f"`{other}`" for other in sorted(signatures))
        raise SignatureNotFoundError(f"{where} has no signature `{name}`. It has {has or 'none'}.")
    signature = signatures[name]
    missing = [output for output in wanted if output not in signature.outputs]
    if missing:
        raise ServingError(
            f"`{name}` of {where} has no output {missing}. It has {sorted(signature.outputs)}. Was "
            "this model exported by the zoo?"
        )
    return signature
