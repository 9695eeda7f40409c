"""Classes by name: a class that registers here can be named by a recipe and the command line.

    @registry.register("constraint", package="mine")
    class Brightness(zoo.constraints.Constraint): ...

    registry.build("constraint", {"class_name": "Brightness", "arguments": {"tolerance": 0.1}})

What others need to know of a class it brings itself, each with a default:

- `short_name`: what the command line and pictures call it; by default its name in snake case.
- `summary`: the model card's sentence about it; by default the first line of its docstring.
- `citations`: the papers that it is made after, as the card cites them, texts in Markdown; by
  default none.
- `examples(image_shape)`, a classmethod: functions without arguments by the variant's name, each of
  which makes a tiny instance; together they set every argument to something that is not its
  default. The contract tests run over them, in full over the first.
"""

import inspect
import re

import keras

from zoo.configured import argument_names
from zoo.names import UnknownName

__all__ = ["KINDS", "build", "check_arguments", "examples", "find", "names", "parts", "register"]

KINDS = (
    "architecture",
    "objective",
    "constraint",
    "divergence",
    "likelihood",
    "prior",
    "schedule",
)
_CLASSES = {kind: {} for kind in KINDS}


def register(kind, package=None):
    """Returns a decorator that registers a class here and, to be saved by name, with Keras.

    Args:
        kind: One of `KINDS`.
        package: Under which Keras knows it, `package>ClassName`: saved models hold this name. By
            default the class's module.

    Raises:
        ValueError: There is no such kind, or another class of the kind has the name.
    """
    if kind not in KINDS:
        raise UnknownName("kind of class", kind, KINDS)

    def decorate(cls):
        for name in _DEFAULTS:  # Its own: those of a base class are not about it.
            if name not in vars(cls):
                setattr(cls, name, _DEFAULTS[name](cls))
        for other in _CLASSES[kind].values():
            is_same = (other.__module__, other.__qualname__) == (cls.__module__, cls.__qualname__)
            if not is_same and {other.__name__, other.short_name} & {cls.__name__, cls.short_name}:
                raise ValueError(
                    f"The {kind} {cls.__name__} of {cls.__module__} shares a name with "
                    f"{other.__name__} of {other.__module__}. Rename it, or set its short_name."
                )
        _CLASSES[kind][cls.__name__] = cls
        return keras.saving.register_keras_serializable(package or cls.__module__)(cls)

    return decorate


def snake_case(name):
    """Returns a class's name as a plain one: InfoVAE becomes info_vae."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


_DEFAULTS = {
    "short_name": lambda cls: snake_case(cls.__name__),
    "summary": lambda cls: (inspect.getdoc(cls) or cls.__name__).partition("\n")[0],
    "citations": lambda cls: (),
}


def names(kind):
    """Returns the names of the classes of a kind, sorted."""
    return sorted(_CLASSES[kind])


def find(kind, name):
    """Returns the class of that kind by its name or its short name.

    Raises:
        UnknownName: There is none, as far as modules were imported; a ValueError.
    """
    classes = _CLASSES[kind]
    for cls in classes.values():
        if name in (cls.__name__, cls.short_name):
            return cls
    # Offers names in the style of the one that was given.
    short_names = sorted(cls.short_name for cls in classes.values())
    raise UnknownName(kind, name, short_names if str(name).islower() else names(kind))


def check_arguments(cls, arguments):
    """Raises UnknownName for the first argument that the constructor of the class does not name."""
    named = argument_names(cls)
    for name in arguments:
        if name not in named:
            raise UnknownName(f"argument of {cls.__name__}", name, named)


def build(kind, config, **extra):
    """Makes an instance of what a recipe describes.

    Args:
        kind: One of `KINDS`.
        config: `{"class_name", "arguments"}`, the class by its name or short name. An argument of
            this form is built first, and so is each entry of a list of them. Its kind is the
            argument's name (`likelihood`, or `constraints` for several); under another name, such
            as `beta`, it may be of any kind.
        **extra: Arguments for the constructor that the recipe does not hold.

    Raises:
        UnknownName: There is no such class or argument.
        ValueError: The class refuses a value.
    """
    cls = find(kind, config["class_name"])
    check_arguments(cls, config["arguments"])
    arguments = {name: _build_part(name, value) for name, value in config["arguments"].items()}
    return cls(**extra, **arguments)


def _build_part(name, value):
    if isinstance(value, list):
        return [_build_part(name, entry) for entry in value]
    if not _is_config(value):
        return value
    return build(_kind_of_argument(name) or _kind_of(value["class_name"]), value)


def _is_config(value):
    return isinstance(value, dict) and set(value) == {"class_name", "arguments"}


def _kind_of_argument(name):
    return next((kind for kind in KINDS if name in (kind, f"{kind}s")), None)


def parts(kind, config):
    """Returns the classes of what a recipe describes: its own, then those of its arguments.

    Args:
        kind: One of `KINDS`.
        config: As in `build`; a class among the arguments may also be named alone.

    Raises:
        UnknownName: There is no such class.
    """
    found = [find(kind, config["class_name"])]
    for name, value in config["arguments"].items():
        kind = _kind_of_argument(name)
        for entry in value if isinstance(value, list) else [value]:
            if _is_config(entry):
                found += parts(kind or _kind_of(entry["class_name"]), entry)
            elif kind and isinstance(entry, str) and _has(kind, entry):
                found.append(find(kind, entry))
    return found


def _has(kind, name):
    return any(name in (cls.__name__, cls.short_name) for cls in _CLASSES[kind].values())


def _kind_of(name):
    for kind in KINDS:
        if name in _CLASSES[kind]:
            return kind
    raise UnknownName("registered class", name, sorted(n for kind in KINDS for n in names(kind)))


def examples(kind, image_shape):
    """Returns what makes each example of the kind's classes, by "Class" or "Class_variant"."""
    return {
        f"{name}_{variant}".rstrip("_"): make
        for name in names(kind)
        if hasattr(cls := _CLASSES[kind][name], "examples")
        for variant, make in cls.examples(image_shape).items()
    }
