"""Pretrained and exported models: list them, find them, load them as Keras models.

Pretrained models are SavedModels, `savedmodels/<name>/<version>/`. A checkout reads them in place.
From an installed package they are fetched by Pooch, once, from the address in the environment
variable `VAE_ZOO_URL` (default `DEFAULT_URL`), which serves what `savedmodels/` holds by https,
http or file, into the folder `VAE_ZOO_CACHE` (default `vae-zoo` in the user's cache). The package
carries the sha256 of every file (`zoo/pretrained.json`), so the address need not be trusted.
"""

import json
import os
import pathlib
import shutil
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch

from zoo.names import did_you_mean
from zoo.serving import manifest
from zoo.serving.unfinished_folder import move_complete, unfinished_folder

__all__ = ["list_models", "load", "read_index", "saved_model_path", "update_index"]

# Where pretrained models are fetched from unless VAE_ZOO_URL says otherwise; a release that is
# published somewhere states the address here.
DEFAULT_URL = None

_INDEX = pathlib.Path(__file__).with_name("pretrained.json")
_CHECKOUT = pathlib.Path(__file__).resolve().parents[1] / "savedmodels"


def list_models():
    """Returns the names of the pretrained models, sorted."""
    return sorted(read_index())


def load(name_or_path, custom_objects=None):
    """Loads a pretrained or exported model as a Keras model, ready for `fit`.

    Its outputs are those of the model that was exported. It is compiled with the objective it was
    trained with, in the state it had (multipliers, moving averages), and what was frozen is
    (`trainable = False`). Of the optimiser nothing was kept, so it has a fresh
    `keras.optimizers.Adam()`; `model.compile(optimizer, objective=model.objective)` changes that
    and keeps the objective's state. To go on with the optimiser's, save by `model.save` and load by
    `keras.saving.load_model`. A model exported without an objective has `zoo.ELBO()`.
    Under a `tf.distribute` strategy, call it in the strategy's scope.

    Args:
        name_or_path: One of `list_models()`, or a folder that `model.export` wrote.
        custom_objects: Name to class, for classes of yours that are not registered with Keras. No
            other code is run: a model's files hold JSON and arrays only.

    Returns:
        A `zoo.LatentImageModel`, or for a name such as `classifier_mnist` a `zoo.ConvClassifier`.

    Raises:
        ValueError: No such pretrained model, no exported model at the path, or one of which a file
            is not as it was exported (by its manifest), of an unknown class, or of other code than
            is installed.
        OSError: A pretrained model cannot be fetched or read.

    Example:
        >>> model = zoo.load("conv_draw_mnist")
        >>> model.sample(16, seed=0)
    """
    # Importing them registers the classes that a model's configuration may name.
    import zoo.classifiers
    import zoo.models  # noqa: F401
    from zoo.serving.keras_config import load_exported

    is_path = isinstance(name_or_path, os.PathLike) or (
        name_or_path not in read_index()
        and (os.path.exists(name_or_path) or os.path.basename(name_or_path) != name_or_path)
    )
    path = name_or_path if is_path else saved_model_path(name_or_path)
    return load_exported(path, custom_objects)


def saved_model_path(name):
    """Returns the folder of a pretrained model's SavedModel, a `pathlib.Path`, fetched if needed.

    For TensorFlow Serving, the parent folder is the model's base path.

    Args:
        name: One of `list_models()`.

    Raises:
        ValueError: There is no such model, `VAE_ZOO_URL` is no address, or a file that came is not
            the one that was published.
        OSError: The address cannot be reached, or the cache not written.
    """
    index = read_index()
    if name not in index:
        raise ValueError(
            f"There is no pretrained model called {name!r}.{did_you_mean(name, index)} There are: "
            f"{', '.join(sorted(index)) or 'none in this version'}. A folder that model.export "
            "wrote is given by its path, such as './my_model/1'."
        )
    version = str(index[name]["version"])
    in_checkout = _CHECKOUT / name / version
    if in_checkout.is_dir():
        return in_checkout
    cached = _cache_folder() / name / version
    files = index[name]["files"]
    if not _holds(cached, files):
        _fetch(f"{name}/{version}", files, cached)
    return cached


def update_index(savedmodels_dir, index_path=_INDEX):
    """Writes the index of pretrained models anew: part of making a release.

    Args:
        savedmodels_dir: Folder of `<name>/<version>/`, where the highest version counts; the first
            paragraph of `<name>/README.md` is the description.
        index_path: The file to write.

    Returns:
        The index: name to version, description, and files, a dict of relative path to sha256
        and number of bytes.

    Raises:
        ValueError: The folder holds no models.
    """
    index = {}
    for folder in sorted(pathlib.Path(savedmodels_dir).glob("*/")):
        versions = [p for p in folder.iterdir() if p.is_dir() and p.name.isdecimal()]
        if versions:
            newest = max(versions, key=lambda path: int(path.name))
            index[folder.name] = {
                "version": int(newest.name),
                "description": _description(folder / "README.md"),
                "files": manifest.measure_files(newest),
            }
    if not index:
        raise ValueError(f"No <name>/<version>/ folders in {savedmodels_dir}.")
    text = json.dumps(index, indent=1, sort_keys=True) + "\n"
    pathlib.Path(index_path).write_text(text, encoding="utf-8")
    return index


def read_index():
    """Returns what is known of the pretrained models, as `update_index` wrote it."""
    return json.loads(_INDEX.read_text(encoding="utf-8"))


def _description(card):
    if not card.is_file():
        return ""
    paragraphs = card.read_text(encoding="utf-8").split("\n\n")
    texts = [p for p in paragraphs if p.strip() and not p.lstrip().startswith(("#", "!", "|"))]
    return " ".join(texts[0].split()) if texts else ""


def _holds(folder, files):
    """Whether the folder holds these very files; a cache may be damaged or out of date."""
    return folder.is_dir() and manifest.measure_files(folder) == files


# === Fetching ===


def _cache_folder():
    return pathlib.Path(os.environ.get("VAE_ZOO_CACHE") or pooch.os_cache("vae-zoo"))


def _base_url():
    url = os.environ.get("VAE_ZOO_URL") or DEFAULT_URL
    if url is None:
        raise ValueError(
            "Pretrained models are not part of the installed package, and no address is known to "
            "fetch them from: set the environment variable VAE_ZOO_URL to one that serves the "
            "project's folder savedmodels/, such as https://... or file:///..."
        )
    if urlsplit(url).scheme not in _DOWNLOADERS:
        raise ValueError(
            f"VAE_ZOO_URL must start with https://, http:// or file://. Received: {url}"
        )
    return url.rstrip("/")


def _copy(url, output_file, pooch):
    """Copies a file, for Pooch, which knows no `file://`: a machine without network needs it."""
    shutil.copyfile(url2pathname(urlsplit(url).path), output_file)


_DOWNLOADERS = {"https": pooch.HTTPDownloader(), "http": pooch.HTTPDownloader(), "file": _copy}


def _fetch(relative, files, folder):
    """Fetches the files under another name, then renames: half a model is never there."""
    url = f"{_base_url()}/{relative}"
    registry = {name: f"sha256:{measured['sha256']}" for name, measured in files.items()}
    try:
        with unfinished_folder(folder.parent, folder.name) as unfinished:
            source = pooch.create(path=unfinished, base_url=f"{url}/", registry=registry)
            for name in registry:
                _fetch_file(source, name)
            shutil.rmtree(folder, ignore_errors=True)
            move_complete(unfinished, folder)
    except OSError:
        # Another process may have finished first.
        if not _holds(folder, files):
            raise


def _fetch_file(source, name):
    url = source.get_url(name)
    try:
        source.fetch(name, downloader=_DOWNLOADERS[urlsplit(url).scheme])
    except OSError as error:
        raise OSError(
            f"Cannot fetch {url}: {error}. Check the connection, or set VAE_ZOO_URL to another "
            "address that serves the project's folder savedmodels/."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{url} is not the file that was published: {error} Fetch again; if it happens again, "
            "the address has another version of the models or has been tampered with."
        ) from error
