"""Finds the models to serve: what a name or path on the command line means to a server."""

import dataclasses
import os
import pathlib
import re

from training.runs.model_source import pretrained_path
from training.runs.run_directory import RunDirectory
from zoo.errors import SettingError, UsageError
from zoo.serving import keras_config, manifest
from zoo.serving.plain_path import is_plain
from zoo.serving.server_configuration import ServedModel
from zoo.serving.versions import is_version, versions_in

__all__ = ["find_models", "version_folders"]

# Such a name needs no quoting in a URL, a file name or YAML.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LABEL = re.compile(r"(?:(?P<model>[^:=]+):)?(?P<label>[^:=]+)=(?P<version>[0-9]+)")
_SAVED_MODEL = "saved_model.pb"


def find_models(names_and_paths, labels=()):
    """Finds models and checks that a server could load them.

    Args:
        names_and_paths: Of each model the name of a pretrained one, a base path (a folder of
            versions), one version's folder, or a run directory. Several versions of one model
            may be given.
        labels: Version labels as on the command line: `stable=1`, or `my_model:stable=1` for one
            of several models.

    Returns:
        A list of `ServedModel`. One that was given by its base path and has no labels changes to
        a newer version when there is one; of others the versions given and labelled are served.

    Raises:
        UsageError: There is no such model or version, two models have one name, or a folder does
            not hold what it should.
    """
    models = {}
    for name_or_path in names_and_paths:
        found = _find(name_or_path)
        known = models.setdefault(found.name, found)
        if known.base_path != found.base_path:
            raise UsageError(
                f"Two models are called {found.name}: {known.base_path} and {found.base_path}. "
                "A server tells them apart by this name: rename one of the folders, or link to it "
                "by another name."
            )
        if bool(known.versions) != bool(found.versions):
            raise UsageError(
                f"{known.base_path} was given as a whole, which means its newest version, and "
                f"also by the version {(*known.versions, *found.versions)[0]}: give the folder "
                f"alone, or the folder of each version, such as {known.base_path}/"
                f"{max(_versions(known.base_path))}."
            )
        if found.versions:
            models[found.name] = _with_versions(known, (*known.versions, *found.versions))
    for label in labels:
        _add_label(models, label)
    for model in models.values():
        for folder in version_folders(model):
            _check_version(folder)
    return list(models.values())


def version_folders(model):
    """Returns the folders of the versions that are served now, oldest first."""
    there = _versions(model.base_path)
    return [there[version] for version in model.versions or (max(there),)]


def _find(name_or_path):
    # Not resolved: a link may give a folder another name.
    path = pathlib.Path(os.path.abspath(name_or_path))
    if not path.exists():
        folder = pathlib.Path(os.path.abspath(pretrained_path(name_or_path)))
        return _served(folder.parent.name, folder.parent, folder.name)
    if (path / _SAVED_MODEL).exists():
        if not is_version(path.name):
            raise UsageError(
                f"A server finds versions by their number: {path} must stand in a folder of its "
                f"own, such as {path}/1."
            )
        return _served(path.parent.name, path.parent, path.name)
    if _versions(path):
        return _served(path.name, path)
    saved_models = RunDirectory(path).saved_model.parent
    if _versions(saved_models):
        return _served(path.name, saved_models)
    raise UsageError(
        f"{path} holds no model to serve: neither {_SAVED_MODEL} nor folders of versions such as "
        f"{path.name}/1. Give a pretrained model's name, a finished run's directory, or what "
        "`vae-zoo export MODEL PATH/1` wrote."
    )


def _served(name, base_path, version=None):
    if name == "savedmodel":  # In a run directory, which says more.
        name = base_path.parent.name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"A served model is called as its folder is, and {name!r} is no name for a server: "
            f"use letters, digits, '_', '-' and '.'. Rename {base_path}, or link to it by another "
            "name."
        )
    if not is_plain(base_path):
        raise UsageError(
            f"TensorFlow takes *, ?, [, ] and \\ in a path for a pattern: a server cannot read "
            f"{base_path}. Rename the folder, or link to it by another name."
        )
    return ServedModel(name, str(base_path), () if version is None else (int(version),))


def _with_versions(model, versions):
    return dataclasses.replace(model, versions=tuple(sorted(set(versions))))


def _add_label(models, text):
    match = _LABEL.fullmatch(text)
    if not match:
        expected = "LABEL=VERSION or MODEL:LABEL=VERSION, such as stable=1"
        raise SettingError("label", expected, text)
    only, label, version = match["model"], match["label"], int(match["version"])
    if only is not None and only not in models:
        raise UsageError(f"--label {text}: no model {only!r} is served, but {', '.join(models)}.")
    for name in [only] if only else models:
        model = models[name]
        there = _versions(model.base_path)
        if version not in there:
            raise UsageError(
                f"--label {text}: {model.base_path} has no version {version}. It has "
                f"{', '.join(map(str, sorted(there)))}."
            )
        model = _with_versions(model, (*model.versions, version))
        models[name] = dataclasses.replace(model, labels=model.labels | {label: version})


def _check_version(folder):
    if not (folder / _SAVED_MODEL).exists():
        raise UsageError(
            f"{folder} has no {_SAVED_MODEL}, but a server would take it for a version. Remove it, "
            "or finish what was to be copied there."
        )
    try:
        keras_config.read(folder)
        manifest.verify(folder)
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def _versions(base_path):
    """The folders that a server takes for versions, by number.

    Raises:
        UsageError: Two have the same number.
    """
    versions = {}
    for folder in versions_in(base_path):
        other = versions.setdefault(int(folder.name), folder)
        if other is not folder:
            raise UsageError(
                f"{other} and {folder} are the same version to a server: rename one of them."
            )
    return versions
