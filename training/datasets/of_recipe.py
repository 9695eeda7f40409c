"""The data set that a recipe names."""

from training.datasets.registry import load
from zoo.errors import SettingError, UsageError

__all__ = ["load_for"]


def load_for(recipe):
    """Loads the recipe's data set.

    Raises:
        UsageError: The data set is unknown, missing or unreadable; the message says which.
    """
    if recipe.data["name"] == "folder:":
        raise SettingError(
            "dataset",
            f"$dataset for {recipe.name}, which trains on your own images",
            "none",
            "add $dataset=folder:PATH, and $image_size for the side of the square they are cut and "
            "resized to",
        )
    try:
        return load(recipe.data["name"], **recipe.data["options"])
    except UsageError:
        raise
    except (ValueError, FileNotFoundError, ImportError) as error:
        raise UsageError(str(error)) from error
