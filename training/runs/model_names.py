"""Whether a model is there that a name or a path on the command line means; needs no TensorFlow."""

import os

from zoo import hub
from zoo.errors import UsageError
from zoo.names import did_you_mean

__all__ = ["check_model"]


def check_model(name_or_path):
    """Raises UsageError for what is neither a path nor a pretrained model's name."""
    names = hub.list_models()
    if name_or_path not in names and not os.path.exists(name_or_path):
        raise UsageError(
            f"There is no pretrained model, run directory or exported model {name_or_path!r}."
            f"{did_you_mean(name_or_path, names)} Pretrained models: {', '.join(names) or 'none'}. "
            "Otherwise give the path of a run directory or of a folder that `vae-zoo export` or "
            "model.export wrote."
        )
