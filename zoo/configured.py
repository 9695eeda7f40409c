"""Objects that are saved as their constructor's arguments, which they keep as attributes."""

import inspect

import keras

__all__ = ["Configured", "argument_names"]

_ATTRIBUTES = {"dtype": "dtype_policy"}  # Where Keras keeps an argument under another name.


def argument_names(cls):
    """Returns the names of the arguments that the constructor of a class itself names."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]


class Configured:
    """Is saved as its constructor's arguments, each read from the attribute of the same name.

    Attributes:
        keras_arguments: Those of Keras's own arguments that are saved, too.
    """

    keras_arguments = ("name",)

    @classmethod
    def saved_arguments(cls):
        """Returns argument names, also those handed on by `**kwargs` to a base's constructor."""
        names = []
        for base in cls.__mro__[: cls.__mro__.index(Configured)]:
            if "__init__" in vars(base):
                names += argument_names(base)
                if inspect.getfullargspec(base.__init__).varkw is None:
                    break
        return names

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            name: keras.saving.serialize_keras_object(getattr(self, _ATTRIBUTES.get(name, name)))
            for name in (*self.keras_arguments, *self.saved_arguments())
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes the object of `get_config`; its weights, if it has any, are fresh."""
        with keras.saving.custom_object_scope(custom_objects or {}):
            return cls(**{n: keras.saving.deserialize_keras_object(v) for n, v in config.items()})
