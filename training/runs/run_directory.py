"""The run directory: where each file of a run lies, and how it is written without loss."""

import contextlib
import csv
import json
import math
import os
import pathlib

from training.recipes import Recipe
from zoo.errors import MismatchError, UsageError, UserError

__all__ = ["RunDirectory", "replace_file", "write_json"]

_UNFINISHED = ".unfinished"


class RunDirectory:
    """Paths of a run's files.

    Args:
        path: The directory.

    Attributes:
        recipe: `recipe.json`, what was run and with which versions.
        history: `history.csv`, one row an epoch.
        metrics: `metrics.json`, measured on the test split.
        checkpoints: Folder of the training state.
        tensorboard: Folder of TensorBoard's scalars and images.
        figures: Folder of pictures.
        card: `card.md`, the model's card.
        saved_model: `savedmodel/1`, for TensorFlow Serving.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.recipe = self.path / "recipe.json"
        self.history = self.path / "history.csv"
        self.metrics = self.path / "metrics.json"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.figures = self.path / "figures"
        self.card = self.path / "card.md"
        self.saved_model = self.path / "savedmodel" / "1"

    def check_free(self):
        """Raises UsageError if something exists at the path; it is left as it is."""
        is_free = not self.path.exists() or (self.path.is_dir() and not self._files())
        if not is_free:
            raise MismatchError(
                "directory",
                "a new $directory",
                f"{self.path}, which already exists and was not touched",
                "continue that run with $resume=True, or give another $directory",
            )

    def create(self, recipe_values):
        """Makes the directory with its recipe.

        Raises:
            UsageError: Something exists there already; it is left as it is.
        """
        self.check_free()
        self.write_json(self.recipe, recipe_values)

    def _files(self):
        """What stands in the directory, but for what a kill left of a file being written."""
        return [path for path in self.path.iterdir() if not path.name.endswith(_UNFINISHED)]

    def read_recipe(self):
        """Returns the `Recipe` of the run.

        Raises:
            UsageError: There is no run here.
        """
        return Recipe.from_dict(self._read_recipe(), str(self.recipe))

    def read_made_with(self):
        """Returns what made the run, a dict: versions, commit, data. Raises as `read_recipe`."""
        return self._read_recipe().get("made_with", {})

    def _read_recipe(self):
        try:
            return json.loads(self.recipe.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise MismatchError(
                "resume",
                "a directory with a run",
                f"{self.path}, which holds no run to resume (no recipe.json)",
                "start one without $resume",
            ) from None
        except json.JSONDecodeError as error:
            raise UsageError(f"{self.recipe} is damaged: {error}.") from None

    def write_history(self, rows):
        """Writes `history.csv` from all rows (dicts with the same keys)."""
        with replace_file(self.history) as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["epoch"])
            writer.writeheader()
            writer.writerows(rows)

    def write_json(self, path, values):
        """Writes values as JSON, whole or not at all."""
        write_json(path, values)

    def write_text(self, path, text):
        """Writes a text file, whole or not at all."""
        with replace_file(path) as file:
            file.write(text)


def write_json(path, values):
    """Writes values as JSON, whole or not at all; numbers that are not finite become null."""
    with replace_file(path) as file:
        json.dump(_finite(values), file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def _finite(values):
    if isinstance(values, dict):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    is_lost = isinstance(values, float) and not math.isfinite(values)
    return None if is_lost else values


@contextlib.contextmanager
def replace_file(path):
    """Opens a text file that takes the place of `path` only once it is written and on the disk.

    Raises:
        UserError: It could not be written (a full disk); what stood at `path` is still there.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}{_UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The name of a file or folder need not be UTF-8. In JSON the escapes are read back as it.
        text = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
        with open(temporary, "w", **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"Could not write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # Its folder may be none: that was told above.
            temporary.unlink(missing_ok=True)
