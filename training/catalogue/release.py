"""Takes the model of a finished run into the folder of pretrained models."""

import pathlib
import shutil

from training.catalogue import cards
from training.runs.run_directory import RunDirectory
from zoo.errors import UsageError
from zoo.serving.versions import versions_in

__all__ = ["LARGEST_FILE", "release"]

LARGEST_FILE = 5_000_000  # Bytes, for they lie in the repository: the weights are the largest.


def release(run_directory, folder):
    """Copies a run's SavedModel, card, figures and numbers to FOLDER/NAME.

    A model of that name gets the next version, for a released one never changes; the one before is
    removed, and with it the measures, which were its own.

    Args:
        run_directory: A finished run; its recipe has the name.
        folder: `savedmodels/`.

    Returns:
        The name.

    Raises:
        UsageError: There is no finished run, or its model is too large to be released.
    """
    run = RunDirectory(pathlib.Path(run_directory))
    if not run.saved_model.exists():
        raise UsageError(
            f"Expected a finished run with a SavedModel, received {run_directory}: finish it with "
            "`vae-zoo train RECIPE --resume`."
        )
    size = max(path.stat().st_size for path in run.saved_model.rglob("*") if path.is_file())
    if size > LARGEST_FILE:
        raise UsageError(
            f"Expected a model whose weights take at most {LARGEST_FILE / 1e6:g} MB, received one "
            f"of {size / 1e6:.1f} MB: train a smaller one."
        )
    name = run.read_recipe().name
    home = pathlib.Path(folder) / name
    old = versions_in(home)
    version = int(old[-1].name) + 1 if old else 1
    shutil.copytree(run.saved_model, home / str(version))
    for path in [*old, home / "figures"]:
        shutil.rmtree(path, ignore_errors=True)
    (home / "measures.json").unlink(missing_ok=True)
    shutil.copytree(run.figures, home / "figures")
    for file in (run.metrics, run.recipe):
        shutil.copyfile(file, home / file.name)
    text = run.card.read_text(encoding="utf-8")
    (home / "README.md").write_text(cards.of_release(text, name, version), encoding="utf-8")
    return name
