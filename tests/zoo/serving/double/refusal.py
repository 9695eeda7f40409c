"""How the double says no."""

import tensorflow as tf

__all__ = ["Refusal"]

_NAMES = {
    value: name
    for name, value in vars(tf.errors).items()
    if isinstance(value, int) and not isinstance(value, bool)
}


class Refusal(Exception):
    """A request that is not answered, with the name of a gRPC status code and a message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @classmethod
    def of(cls, error):
        """Makes one of an error of TensorFlow's."""
        return cls(_NAMES[error.error_code], error.message)
