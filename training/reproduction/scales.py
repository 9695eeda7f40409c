"""How large the runs of a target are.

- `smoke`: a handful of steps of tiny models on scikit-learn's digits: whether it runs at all, in
  less than a minute. Its numbers mean nothing.
- `small`: the recipes, sized for two CPU cores: minutes to a quarter of an hour a run.
- `paper`: sizes like the authors', for GPUs.
"""

from training.datasets.sources import NUM_MICRO_IMAGES
from training.recipes import Recipe, find_recipe

__all__ = ["scaled"]

_SMOKE = {
    "ChartVAE": {"num_charts": 2, "chart_dim": 1, "filters": [4], "hidden_units": 8},
    "ConvDRAW": {"num_steps": 2, "filters": 4, "latent_filters": 1, "kernel_size": 3},
    "ConvVAE": {"latent_dim": 2, "filters": [4], "hidden_units": 8},
    "Diffusion": {"num_steps": 5, "filters": [4], "num_blocks": 1},
    "NVPVAE": {"latent_dim": 2, "filters": [4], "hidden_units": 8, "num_couplings": 2},
    "PixelVAE": {"latent_dim": 2, "filters": 4, "num_blocks": 1, "encoder_filters": [4]},
    "SequentialVAE": {"num_steps": 2, "latent_dims": [2], "filters": [4], "hidden_units": 8},
}
_SMOKE_FIELDS = {"steps": 4, "steps_per_epoch": 2, "batch_size": 16, "validation_images": 16}
# The papers' sizes where they say them, else the systems' they cite [choice].
_PAPER = {
    "ConvDRAW": {"num_steps": 32, "filters": 256, "latent_filters": 12},
    "NVPVAE": {"filters": [128, 256], "hidden_units": 1024},
    "PixelVAE": {"filters": 120, "num_blocks": 15},
    "SequentialVAE": {"num_steps": 8, "filters": [96, 192, 384], "hidden_units": 512},
}
_PAPER_FIELDS = {"steps": 200_000, "steps_per_epoch": 1000, "validation_images": 5000}


def scaled(recipe_name, scale, name, arguments=None, objective=None, **overrides):
    """Returns a recipe at a scale.

    Args:
        recipe_name: Name of the recipe it starts from, which is the small scale.
        scale: One of `training.reproduction.SCALES`.
        name: Name of the run.
        arguments: Changes of the architecture's arguments at the small and the paper scale.
        objective: A name, as in `Recipe.override`, or `{"class_name", "arguments"}`.
        **overrides: As in `Recipe.override`, such as `tolerance`, `seed`, `dataset`; at the smoke
            scale the data set is digits at 8x8, of the same kind.

    Returns:
        A `Recipe`.
    """
    if isinstance(objective, str):
        overrides["objective"] = objective
    recipe = find_recipe(recipe_name).override(**overrides)
    values = recipe.to_dict() | {"name": name, "description": f"{name}, {scale} scale."}
    if isinstance(objective, dict):
        values["objective"] = objective
    architecture = values["architecture"]
    kind = architecture["class_name"]
    if scale == "smoke":
        kept = {k: v for k, v in architecture["arguments"].items() if k == "tolerance_range"}
        architecture["arguments"] = _SMOKE.get(kind, {}) | kept
        values |= _SMOKE_FIELDS | {"data": _smoke_data(values["data"])}
        if "micro" in values["data"]["name"]:
            values["batch_size"] = NUM_MICRO_IMAGES
    else:
        sizes = _PAPER.get(kind, {}) if scale == "paper" else {}
        architecture["arguments"] |= sizes | (arguments or {})
    if scale == "paper":
        values |= _PAPER_FIELDS
    return Recipe.from_dict(values, name)


def _smoke_data(data):
    """Digits in place of MNIST and CIFAR-10, composed where the data set is; drawn sets stay."""
    kind = data["name"]
    if kind.startswith("topology:"):
        return {"name": kind, "options": {"image_size": 8}}
    base = {"mnist": "digits", "cifar10": "digits"}
    name = base.get(kind, kind if kind.startswith("digits") else f"{kind}:digits")
    return {"name": name, "options": {"image_size": 8}}
