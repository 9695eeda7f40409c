"""The data set that a recipe names."""

import re

from training.datasets.registry import load
from zoo.errors import UsageError

__all__ = ["load_for"]


def load_for(recipe):
    """Loads the recipe's data set.

    Raises:
        UsageError: The data set is unknown, missing or unreadable; the message says which.
    """
    if recipe.data["name"] == "folder:":
        raise UsageError(
            f"{recipe.name} trains on your own images: add --dataset folder:PATH, and --image-size "
            "for the side of the square they are cut and resized to."
        )
    try:
        return load(recipe.data["name"], **recipe.data["options"])
    except (ValueError, FileNotFoundError, ImportError) as error:
        raise UsageError(_with_flags(str(error))) from error


def _with_flags(message):
    """Names the settings as the command line does: fit="crop" becomes --fit crop."""
    names = "image_size|fit|channels|corrupt|binarize"
    message = re.sub(rf"\b({names})=[\"']?(\w+)[\"']?", r"--\1 \2", message)
    message = message.replace("dequantize=True", "--dequantize")
    message = message.replace("either binarize or dequantize", "either --binarize or --dequantize")
    message = re.sub(rf"\b(Expected|leave) ({names})\b", r"\1 --\2", message)
    return re.sub(r"(--)?\bimage_size\b", "--image-size", message)
