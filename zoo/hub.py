"""Pretrained and exported models: list them, find them, load them as Keras models.

Pretrained models are SavedModels, `savedmodels/<name>/<version>/`. They are found, in this order,

- in a checkout, which reads them in place;
- in the distribution `vae-zoo-models`, which `pip install ./savedmodels` installs;
- at the address in the environment variable `VAE_ZOO_URL` (default `DEFAULT_URL`), which serves
  what `savedmodels/` holds by https, http or file: fetched by Pooch, once, into the folder
  `VAE_ZOO_CACHE` (default `vae-zoo` in the user's cache).

The package carries the sha256 of every file (`zoo/pretrained.json`), so the address need not be
trusted.
"""

import importlib
import json
import os
import pathlib

import pooch

from zoo import fetching
from zoo.names import did_you_mean
from zoo.serving import manifest
from zoo.serving.versions import versions_in

__all__ = [
    "describe",
    "list_models",
    "load",
    "make_index",
    "read_index",
    "saved_model_path",
    "update_index",
]

# Where pretrained models are fetched from unless VAE_ZOO_URL says otherwise; a release that is
# published somewhere states the address here.
DEFAULT_URL = None

# What `vae_zoo_models.FORMAT` must be: how the models and their cards lie in its folder.
MODELS_FORMAT = 1

FIGURES = ("parameters", "frozen_parameters", "rmse", "rate", "accuracy", "sure")

_MODELS_PACKAGE = "vae_zoo_models"
_INDEX = pathlib.Path(__file__).with_name("pretrained.json")
_CHECKOUT = pathlib.Path(__file__).resolve().parents[1] / "savedmodels"


def list_models():
    """Returns the names of the pretrained models, sorted.

    Example:
        >>> "conv_draw_mnist" in zoo.list_models()
        True
    """
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

    if not isinstance(name_or_path, str | os.PathLike):
        raise ValueError(
            "zoo.load takes a name of zoo.list_models() or the path of a folder that model.export "
            f"wrote. Received: a {type(name_or_path).__name__}"
        )
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

    Example:
        >>> path = zoo.saved_model_path("conv_draw_mnist")
        >>> path.parent  # the base path for TensorFlow Serving
    """
    entry = _find(name)
    version = str(entry["version"])
    for folder in _installed_folders():
        if (folder / name / version).is_dir():
            return folder / name / version
    cached = _cache_folder() / name / version
    if not fetching.holds(cached, entry["files"]):
        fetching.fetch(f"{_base_url(name)}/{name}/{version}", entry["files"], cached)
    return cached


def describe(name):
    """Prints the card of a pretrained model: what it is, its measures, limits, licence, recipe.

    Where neither a checkout nor `vae-zoo-models` is installed, that is the index's sentence and
    measures.

    Args:
        name: One of `list_models()`.

    Raises:
        ValueError: There is no such model, or the models installed are of another format.

    Example:
        >>> zoo.describe("conv_draw_mnist")
    """
    entry = _find(name)
    for folder in _installed_folders():
        card = folder / name / "README.md"
        if card.is_file():
            print(card.read_text(encoding="utf-8").rstrip())
            return
    print(f"{name}: {entry['description']}")
    for figure, value in entry["figures"].items():
        print(f"  {figure}: {value:.4g}")


def make_index(savedmodels_dir):
    """Measures the models in a folder of `<name>/<version>/`, where the highest version counts.

    Returns:
        Name to a dict of `version`, `description` (the first paragraph of `<name>/README.md`),
        `figures` (of `metrics.json` and `measures.json`: those of `parameters`, `rmse`, `rate`,
        `accuracy` and `sure` that there are), and `files`, relative path to sha256 and number of
        bytes.

    Raises:
        ValueError: The folder holds no models.
    """
    index = {}
    for folder in sorted(pathlib.Path(savedmodels_dir).glob("*/")):
        if versions := versions_in(folder):
            newest = versions[-1]
            index[folder.name] = {
                "version": int(newest.name),
                "description": _description(folder / "README.md"),
                "figures": _figures(folder),
                "files": manifest.measure_files(newest),
            }
    if not index:
        raise ValueError(f"No <name>/<version>/ folders in {savedmodels_dir}.")
    return index


def update_index(savedmodels_dir, index_path=_INDEX):
    """Writes the index of pretrained models anew: part of making a release.

    Args:
        savedmodels_dir: As in `make_index`, which has what is returned and raised, too.
        index_path: The file to write.
    """
    index = make_index(savedmodels_dir)
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


def _figures(folder):
    """Returns the figures that a list of models shows, by name."""
    metrics, measures = (_read(folder / name) for name in ("metrics.json", "measures.json"))
    found = {**metrics, **metrics.get("test", {})}
    if (confidence := measures.get("sample_confidence")) is not None:
        found["sure"] = confidence["at_temperature_1"]
    if "acceptance" in metrics.get("test", {}):
        del found["rate"]  # Of chains, of which it is no more than a loose bound.
    return {name: found[name] for name in FIGURES if name in found}


def _read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


# === Where models are ===


def _find(name):
    """Returns the index's entry of a model, or raises an error with the names that there are."""
    index = read_index()
    if name not in index:
        raise ValueError(
            f"There is no pretrained model called {name!r}.{did_you_mean(name, index)} There are: "
            f"{', '.join(sorted(index)) or 'none in this version'}. zoo.load also takes the path "
            "of a folder that model.export wrote, such as './my_model/1'."
        )
    return index[name]


def _installed_folders():
    """Yields the folders on this machine that hold models and cards, the checkout's first."""
    if _CHECKOUT.is_dir():
        yield _CHECKOUT
    try:
        package = importlib.import_module(_MODELS_PACKAGE)
    except ModuleNotFoundError:
        return
    if package.FORMAT != MODELS_FORMAT:
        raise ValueError(
            f"The installed vae-zoo-models {package.__version__} is of format {package.FORMAT}, "
            f"and this vae-zoo reads format {MODELS_FORMAT}: install the vae-zoo-models of its "
            "release."
        )
    yield pathlib.Path(package.__file__).parent


def _cache_folder():
    return pathlib.Path(os.environ.get("VAE_ZOO_CACHE") or pooch.os_cache("vae-zoo"))


def _base_url(name):
    url = os.environ.get("VAE_ZOO_URL") or DEFAULT_URL
    if url is None:
        raise ValueError(
            f"The files of {name} are not on this machine: run in a checkout of the project, or "
            "install the package vae-zoo-models (`pip install ./savedmodels` there), or set the "
            "environment variable VAE_ZOO_URL to an address that serves the project's folder "
            "savedmodels/, such as https://... or file:///..."
        )
    fetching.check_url(url)
    return url.rstrip("/")
