"""The list of an exported model's files with their sha256, by which damage is found on loading.

`assets.extra/manifest.json` is written last. It tells a file that was cut short, mixed up with that
of another version, or changed by mistake. Who can write the folder can write the list anew: against
that, pretrained models have theirs in the package (`zoo/pretrained.json`). Of the weights
TensorFlow's own `fingerprint.pb` covers the index alone.
"""

import hashlib
import json
import pathlib

__all__ = ["EXTRA_ASSETS", "is_there", "measure_file", "measure_files", "verify", "write"]

EXTRA_ASSETS = "assets.extra"  # The folder of a SavedModel for files that are not TensorFlow's.
_FILE = f"{EXTRA_ASSETS}/manifest.json"


def measure_files(folder):
    """Measures all files in a folder: relative path to sha256 (hexadecimal) and number of bytes."""
    folder = pathlib.Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): measure_file(path) for path in files}


def measure_file(path):
    """Returns a file's `sha256`, hexadecimal, and number of `bytes`, a dict."""
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": sha256, "bytes": file.tell()}


def write(path):
    """Writes the manifest of the exported model at `path`, whose other files are all there."""
    files = measure_files(path)
    files.pop(_FILE, None)
    text = json.dumps({"files": files}, indent=1, sort_keys=True)
    file = pathlib.Path(path, _FILE)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")


def is_there(path):
    """Whether the exported model at `path` has a manifest; those of older versions have none."""
    return pathlib.Path(path, _FILE).is_file()


def verify(path):
    """Checks that the exported model at `path` has the files of its manifest and no others.

    Raises:
        ValueError: A file was changed, is missing, or was added; the message names it.
    """
    expected = _read(path)
    found = measure_files(path) | dict.fromkeys(_links_to_no_file(path))
    del found[_FILE]
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name) or name not in expected:
            difference = _difference(expected.get(name), found.get(name), name in found)
            raise ValueError(
                f"The model at {path} is not as it was exported: {name} {difference} Copy the "
                "whole folder again, or export the model again."
            )


def _read(path):
    file = pathlib.Path(path, _FILE)
    if not file.is_file():
        raise ValueError(
            f"The model at {path} has no {_FILE}, which says what its files must be. Copy the "
            "whole folder again, or export the model again."
        )
    try:
        files = dict(json.loads(file.read_text(encoding="utf-8"))["files"])
        return {name: {k: entry[k] for k in ("sha256", "bytes")} for name, entry in files.items()}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"{file} is damaged ({error!r}). Copy the whole folder again, or export the model "
            "again."
        ) from error


def _links_to_no_file(path):
    """Names of links to folders and to nowhere, which no export has."""
    folder = pathlib.Path(path)
    links = (entry for entry in folder.rglob("*") if entry.is_symlink() and not entry.is_file())
    return [link.relative_to(folder).as_posix() for link in links]


def _difference(expected, found, is_there):
    if expected is None:
        return "was added."
    if not is_there:
        return "is missing."
    if found is None:
        return "is a link to no file."
    return f"was changed. Expected: {_show(expected)}. Found: {_show(found)}."


def _show(measured):
    return f"{measured['bytes']} bytes of sha256 {measured['sha256']}"
