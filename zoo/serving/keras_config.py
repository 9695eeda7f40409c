"""What `zoo.load` needs beside a SavedModel: the Keras model's configuration, as JSON.

The file `assets.extra/vae_zoo.json`, which TensorFlow Serving ignores, names the model's class and
holds its configuration and its objective's; the weights and the objective's state are read from
`variables/`, where they stand once, for the served graph and for Keras alike. JSON and arrays
only: loading runs no code but that of classes registered with Keras or passed by the caller.
"""

import json
import os
import pathlib
import re
import warnings

import keras
import tensorflow as tf

from zoo import __version__
from zoo.serving import manifest
from zoo.serving.manifest import EXTRA_ASSETS
from zoo.serving.plain_path import plain_path
from zoo.serving.versions import versions_in

__all__ = ["check_loads", "export_variables", "load_exported", "read", "write"]

_FILE = "vae_zoo.json"
_FORMAT = 2  # Of the whole folder: 2 has a manifest.
_COMPILE_ARGUMENTS = ("objective", "seed", "label_smoothing", "training_dtype")


def export_variables(model):
    """Returns what an export stores: the variables by group, each a list in the model's order.

    `model` has the weights (a likelihood's running scale too), `objective` the objective's state.
    """
    objective = getattr(model, "objective", None)  # A classifier has none.
    return {
        "model": list(model.variables),
        "objective": [] if objective is None else list(objective.variables),
    }


def check_loads(model):
    """Refuses a model that `zoo.load` could not make again, before anything is written.

    Raises:
        ValueError: A part of it, such as a network of the user's, cannot be made from its
            configuration; the message says which.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = json.loads(json.dumps(model.get_config()))
    # Of an activation Keras keeps the code alone, and warns, with a remedy that is none here.
    is_warned = any("includes a `lambda`" in str(warning.message) for warning in caught)
    reason, remedy = "it has a lambda, which is Python code", _NO_LAMBDA
    if not (is_warned or _holds_lambda(config)):
        kinds = {type(layer) for layer in model._flatten_layers()}
        own = [kind for kind in kinds if kind.__module__.partition(".")[0] not in ("keras", "zoo")]
        try:
            if own:  # Those that are not registered can be handed to `zoo.load`.
                type(model).from_config(config, {kind.__name__: kind for kind in own})
            return
        except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            names = ", ".join(sorted(kind.__name__ for kind in own))
            remedy = f"Give each class of yours ({names}) a get_config of all that it needs"
    raise ValueError(
        f"This {type(model).__name__} could not be loaded again from its export, so nothing was "
        f"written: {reason}. {remedy}; model.save_weights keeps what was trained."
    )


_NO_LAMBDA = (
    "Use a layer class, registered by keras.saving.register_keras_serializable, instead of a "
    "Lambda layer, and a function that is registered so instead of a lambda"
)


def _holds_lambda(config):
    if isinstance(config, dict):
        return config.get("class_name") == "__lambda__" or _holds_lambda(list(config.values()))
    return isinstance(config, list) and any(map(_holds_lambda, config))


def write(model, path, log_prob_samples, metadata=None):
    """Writes the configuration of a model into the SavedModel at `path`.

    Args:
        model: A `zoo.LatentImageModel` or a `zoo.ConvClassifier`.
        path: Folder of the SavedModel.
        log_prob_samples: What the `log_prob` signature was made with, None without one.
        metadata: What else should be kept, a dict that JSON can hold.

    Raises:
        TypeError: Something in the configuration or the metadata cannot be written as JSON.
    """
    compiled = model.get_compile_config()
    config = {
        "format": _FORMAT,
        "zoo_version": __version__,
        "class": keras.saving.get_registered_name(type(model)),
        "module": type(model).__module__,
        "config": model.get_config(),
        # Of the optimiser nothing is kept: a loaded model starts with a fresh one.
        "compile": compiled and {n: compiled[n] for n in _COMPILE_ARGUMENTS if n in compiled},
        "log_prob_samples": log_prob_samples,
        "variables": {
            group: [_describe(variable) for variable in variables]
            for group, variables in export_variables(model).items()
        },
        "metadata": metadata or {},
    }
    folder = os.path.join(path, EXTRA_ASSETS)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, _FILE), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1, sort_keys=True)


def read(path):
    """Reads the configuration of the exported model at `path`, a dict.

    Raises:
        ValueError: There is no model exported by the zoo, or a newer zoo wrote it.
    """
    path = os.fspath(path)
    if path.endswith((".keras", ".h5")):
        raise ValueError(
            f"zoo.load reads what model.export(path) wrote. Received: {path}. Load what model.save "
            "wrote by keras.saving.load_model, after `import zoo`."
        )
    file = os.path.join(path, EXTRA_ASSETS, _FILE)
    if not os.path.isfile(file):
        raise ValueError(f"No model exported by the zoo at {path}: {_what_is_there(path)}")
    has_manifest = manifest.is_there(path)
    if has_manifest:
        manifest.verify(path)  # Before a damaged configuration is believed.
    with open(file, encoding="utf-8") as stream:
        try:
            config = json.load(stream)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file} is damaged ({error}): export the model again.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file} is damaged (it is no object): export the model again.")
    if config.get("format") != _FORMAT:
        raise ValueError(
            f"{path} was written by zoo {config.get('zoo_version')} in format "
            f"{config.get('format')!r}; zoo {__version__} reads format {_FORMAT}. Use that version "
            "of vae-zoo, or export the model again."
        )
    if not has_manifest:
        manifest.verify(path)  # Says what is missing.
    return config


def _what_is_there(path):
    if os.path.isfile(path):
        return "it is a file. Pass a folder that model.export(path) wrote."
    if not os.path.isdir(path):
        return "there is no such folder."
    if versions := versions_in(path):
        names = ", ".join(version.name for version in versions)
        return f"it holds the versions {names}; pass one of them, such as {versions[-1]}."
    inner = next(pathlib.Path(path).glob(f"*/*/{EXTRA_ASSETS}/{_FILE}"), None)
    if inner is not None:  # As in the directory of a run.
        return f"the model that was exported into it is {inner.parents[1]}; pass that."
    return (
        f"it has no {EXTRA_ASSETS}/{_FILE}. Pass a folder that model.export(path) wrote; other "
        "SavedModels are for tf.saved_model.load."
    )


def load_exported(path, custom_objects=None):
    """Makes the Keras model of an exported one: see `zoo.load`, for a path.

    Args:
        path: Folder that `model.export` wrote.
        custom_objects: Name to class, for classes that are not registered with Keras.

    Returns:
        The model with its weights, compiled with its objective in the state it had (multipliers
        and moving averages too; `zoo.ELBO()` if it had none) and a fresh Adam. A classifier is
        compiled as it was, with a fresh Adam too.

    Raises:
        ValueError: There is no exported model, a file is not as it was exported, it names an
            unknown class, or its variables do not fit that class.

    Example:
        >>> model.export("my_model/1")
        >>> model = zoo.serving.load_exported("my_model/1")
    """
    config = read(path)
    if _holds_lambda(config):
        raise ValueError(
            f"{path} holds a lambda, which is Python code, and zoo.load runs none that a file "
            f"brings. {_NO_LAMBDA}, and export the model again."
        )
    model_class = keras.saving.get_registered_object(config["class"], custom_objects=custom_objects)
    if not (isinstance(model_class, type) and issubclass(model_class, keras.Model)):
        raise ValueError(_unregistered(path, "a model", config["class"], config.get("module")))
    with keras.saving.custom_object_scope(custom_objects or {}):
        try:
            model = model_class.from_config(config["config"])
            _compile(model, config["compile"])
        except (ImportError, TypeError, ValueError) as error:
            for name, module in _classes_in([config["config"], config["compile"]]):
                if keras.saving.get_registered_object(name) is None:
                    raise ValueError(_unregistered(path, "a part", name, module)) from error
            raise
    with plain_path(path) as folder:
        _restore(model, config["variables"], folder)
    return model


def _classes_in(config):
    """Registered name and module of the classes that a configuration's parts are of."""
    if isinstance(config, dict):
        if config.get("registered_name") is not None:
            yield config["registered_name"], config.get("module")
        config = list(config.values())
    for part in config if isinstance(config, list) else []:
        yield from _classes_in(part)


def _unregistered(path, what, name, module):
    where = f"the module that defines it, {module}," if module else "the module that defines it"
    return (
        f"{path} holds {what} of the class {name!r}, which is not registered. Import {where} first "
        "(vae-zoo: --import); it should register the class, by zoo.registry or "
        f"keras.saving.register_keras_serializable. Or pass custom_objects={{{name!r}: the class}}."
    )


def _compile(model, config):
    if config is None:
        model.compile(keras.optimizers.Adam())
        return
    arguments = {n: keras.saving.deserialize_keras_object(v) for n, v in config.items()}
    model.compile(keras.optimizers.Adam(), **arguments)


def _restore(model, described, path):
    """Assigns the variables of the SavedModel, after checking that all of them fit."""
    checkpoint = tf.train.load_checkpoint(os.path.join(path, "variables", "variables"))
    for group, variables in export_variables(model).items():
        wanted = [_describe(variable) for variable in variables]
        if wanted != described[group]:
            raise ValueError(_misfit(group, wanted, described[group], path))
        for index, variable in enumerate(variables):
            key = f"{group}/{index}/.ATTRIBUTES/VARIABLE_VALUE"
            variable.assign(checkpoint.get_tensor(key))


def _misfit(group, wanted, found, path):
    pairs = [(a, b) for a, b in zip(wanted, found, strict=False) if a != b]
    detail = f"{len(wanted)} variables expected, {len(found)} there"
    if pairs:
        detail += f"; expected {pairs[0][0]}, there is {pairs[0][1]}"
    return (
        f"The variables of the {group} at {path} are not those of the class it names, which has "
        f"changed since the export ({detail}). Use the version of the code that exported it."
    )


def _describe(variable):
    """What must be the same again; layers' names are not, Keras numbers them as they are made."""
    name = re.sub(r"_\d+$", "", variable.name)
    return {"name": name, "shape": list(variable.shape), "dtype": variable.dtype}
