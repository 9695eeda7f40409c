"""What both sides of a comparison know: a recipe's sizes, objective, optimiser and batch."""

import json
import pathlib

RECIPES = pathlib.Path(__file__).parents[2] / "training" / "recipes"
# By peer: the recipe that it is the peer of.
PEERS = {
    "conv_vae": "conv_vae_mnist",
    "classifier": "classifier_mnist",
    "pixel_vae": "pixel_vae_mnist",
    "sequential_vae": "sequential_vae_mnist",
    "nvp_vae": "nvp_vae_mnist",
    "pythae_vae": None,
}
_NUM_PIXELS = 784
# pythae's convolutional VAE of MNIST as its examples train it: half the sum of the squared errors.
_PYTHAE = {
    "recipe": None,
    "architecture": {"latent_dim": 16},
    "objective": "UnitGaussian",
    "optimizer": {"class_name": "Adam", "learning_rate": 1e-3},
    "batch_size": 64,
    "term_weights": [1.0, _NUM_PIXELS / 2],
}


def of_check(peer):
    """Returns the settings of a peer for the comparison of gradients.

    pythae's networks get softplus for ReLU there: of the million inputs of their ReLUs some are so
    near 0 that rounding decides whether a gradient passes.
    """
    settings = of(peer)
    if settings["recipe"] is None:
        architecture = settings["architecture"] | {"is_smooth": True}
        settings = settings | {"architecture": architecture}
    return settings


def of(peer):
    """Returns the settings of a peer, for JSON.

    `term_weights` are those of the terms of its loss: of rate and mean squared error (GECO, at its
    initial multiplier), of rate and distortion (the ELBO), or of the cross-entropy.
    """
    if PEERS[peer] is None:
        return _PYTHAE
    recipe = json.loads((RECIPES / f"{PEERS[peer]}.json").read_text(encoding="utf-8"))
    settings = {
        "recipe": recipe["name"],
        "architecture": recipe["architecture"]["arguments"],
        "objective": recipe["objective"]["class_name"],
        "optimizer": recipe["optimizer"],
        "batch_size": recipe["batch_size"],
        "term_weights": {"ELBO": [1.0, 1.0], "CrossEntropy": [1.0]}.get(
            recipe["objective"]["class_name"]
        ),
    }
    if settings["objective"] == "GECO":
        [constraint] = recipe["objective"]["arguments"]["constraints"]
        settings["tolerance"] = constraint["arguments"]["tolerance"]
        settings["term_weights"] = [1.0, _NUM_PIXELS / (2 * settings["tolerance"] ** 2)]
    return settings
