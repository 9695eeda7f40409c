"""The precision that a model's layers compute with: Keras's global dtype policy."""

import contextlib

import keras

__all__ = ["check_policy", "global_policy"]


def check_policy(policy):
    """Refuses a policy for a model alone.

    Raises:
        ValueError: It is not the global policy, which the model's layers are made with.
    """
    if policy.name != keras.config.dtype_policy().name:
        raise ValueError(
            "Keras hands a model's dtype to none of its layers, so set it for all before making "
            f"the model: keras.config.set_dtype_policy({policy.name!r}). Received: "
            f"dtype={policy.name!r} under the global policy {keras.config.dtype_policy().name!r}"
        )


@contextlib.contextmanager
def global_policy(policy):
    """Makes the layers of a saved model with the precision that they had."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
