"""Zhao, Song & Ermon 2017, Figure 2: blurred reconstructions stand where q(x|z) is broad."""

import numpy as np

from training import datasets
from training.evaluation.latents import normal_posteriors
from training.figures.grids import as_levels, as_pixels
from training.figures.plots import saved
from training.reproduction.scales import scaled
from training.reproduction.target import Run, Target
from zoo.base import inputs

__all__ = ["TARGET", "posterior_variance"]

_NAME = "conv_vae_mnist_plane"
_GRID, _EDGE = 20, 2.5
# Of fewer images often a single posterior reaches z, and the variance there seems to be nought.
_MOST_IMAGES = 60_000


def _runs(scale):
    recipe = scaled(
        "conv_vae_mnist", scale, _NAME, {"latent_dim": 2}, objective="elbo", **_steps(scale)
    )
    return [Run(_NAME, recipe)]


def _steps(scale):
    return {"steps": 4000} if scale == "small" else {}


def posterior_variance(log_densities, images):
    """Returns Σ_i Var[x_i] under q(x_n|z) ∝ q(z|x_n), for each z.

    Args:
        log_densities: log q(z|x_n), `[Z, N]`.
        images: `[N, D]`, in pixel units.

    Returns:
        float64 `[Z]`, in squared pixel units.
    """
    weights = np.exp(log_densities - np.logaddexp.reduce(log_densities, axis=1)[:, np.newaxis])
    mean = weights @ images
    return np.maximum(weights @ images**2 - mean**2, 0.0).sum(axis=1)


def _measure(finished):
    if _NAME not in finished.results:
        return None
    result = finished.results[_NAME]
    model, data = result.load(), datasets.load_for(result.recipe)
    levels = data.sample_images("train", min(_MOST_IMAGES, data.num_examples["train"]), seed=0)
    images = inputs.as_images(levels, model.image_shape).numpy()
    axis_values = np.linspace(-_EDGE, _EDGE, _GRID)
    grid = np.stack(np.meshgrid(axis_values, axis_values), axis=-1).reshape(-1, 2)
    loc, scale = normal_posteriors(model, images)
    scaled_distances = ((grid[:, None] - loc) / scale) ** 2
    log_densities = -0.5 * scaled_distances.sum(axis=2) - np.log(scale).sum(axis=1)
    flat = images.reshape(len(images), -1).astype(np.float64)
    variance = posterior_variance(log_densities, flat)
    drawn = np.asarray(model.decode((grid.astype("f4"),)).mean())
    # Blur is what lies between black and white.
    blur = (drawn * (1.0 - drawn)).reshape(len(grid), -1).sum(axis=1)
    numbers = {
        "correlation": float(np.corrcoef(variance, blur)[0, 1]),
        "latents": len(grid),
        "steps": result.recipe.steps,
    }
    return numbers, {"variance": np.float32(variance), "drawn": as_levels(drawn)}


def _draw(numbers, arrays, path):
    variance, pixels = arrays["variance"], as_pixels(arrays["drawn"])
    side = pixels.shape[1]
    tiled = pixels.reshape(_GRID, _GRID, side, side, 3)[::-1].transpose(0, 2, 1, 3, 4)
    extent = (-_EDGE, _EDGE, -_EDGE, _EDGE)
    title = (
        "Figure 2: blur in the plane of latents of a ConvVAE on MNIST, after "
        f"{numbers['steps']:,.0f} steps (correlation {numbers['correlation']:.2f})"
    )
    with saved(path, 1, 2, figsize=(10.6, 5), title=title) as (figure, (left, right)):
        image = left.imshow(variance.reshape(_GRID, _GRID), origin="lower", extent=extent)
        figure.colorbar(image, ax=left, label="Σ Var[x_i | z] (squared pixel units)")
        left.set(title="variance of q(x|z)", ylabel="z₂")
        right.imshow(tiled.reshape(_GRID * side, _GRID * side, 3), extent=extent)
        right.set_title("what the decoder draws there, g(z)")
        for axis in (left, right):
            axis.grid(False)
            axis.set_xlabel("z₁")


def _verdict(numbers):
    agrees = "agrees" if numbers["correlation"] > 0.3 else "disagrees"
    return (
        f"{agrees}: over the plane of latents the variance of q(x|z) and the greyness of g(z) "
        f"correlate by {numbers['correlation']:.2f}."
    )


TARGET = Target(
    name="blur-map",
    source="Zhao, Song & Ermon 2017, Figure 2",
    claim="A Gaussian decoder draws E[x|z] under q, so images are blurred where q(x|z) has a "
    "large variance.",
    runs=_runs,
    measure=_measure,
    draw=_draw,
    verdict=_verdict,
)
