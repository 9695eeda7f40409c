"""What each step of a chain of images adds: error and sharpness after every step.

The sequential VAE's claim (Zhao, Song & Ermon 2017, Figure 4) is that images grow sharper from step
to step, and that the first step is what a plain VAE of the same networks gives.
"""

import numpy as np

from training.evaluation.sharpness import sharpness
from zoo.errors import UsageError

__all__ = ["measure"]

DESCRIPTION = "error and sharpness after each step of a chain"
NEEDS = ("chain",)

_BATCH_SIZE = 200


def measure(model, data, split="test", num_images=1000, seed=0):
    """Measures reconstructions, with z drawn, and samples after each step of the chain.

    Args:
        model: A `zoo.SequentialVAE` or a `zoo.InfusionModel`; the latter's reconstructions are
            chains infused with the images.
        data: An `ImageDataset` of its images.
        split: The split whose first images are reconstructed.
        num_images: Their number, at most as many as the split has, and that of samples.
        seed: Of all draws.

    Returns:
        A dict of `data_sharpness`, the number of `images` and, for each step t, `step_t_rmse`
        (pixel units), `step_t_sharpness` of the reconstructions and `step_t_sample_sharpness`:
        means over images of `training.evaluation.sharpness`, in squared pixel units.

    Raises:
        UsageError: The model does not draw images in steps.

    Example:
        >>> measure(zoo.load("runs/sequential_vae_digits/savedmodel/1"), datasets.load("digits"))
    """
    if not model.has_chain:
        raise UsageError(
            f"chain_steps measures models that draw images in steps, and {type(model).__name__} "
            "gives no chain. Choose a SequentialVAE or an InfusionModel, or measure sharpness."
        )

    def chains(images, seeds):
        return (
            model.reconstruct(images, seed=seeds, return_chain=True),
            model.sample(len(images), seed=seeds, return_chain=True),
        )

    num_images = min(num_images, data.num_examples[split])
    of_data, errors, of_reconstructions, of_samples, start = [], [], [], [], 0
    for batch in data.levels.batches(split, _BATCH_SIZE, num_images):
        images = batch["image"].numpy()
        reconstructions, samples = chains(images, (seed, start))
        of_data.append(sharpness(images))
        errors.append(_squared_errors(images / 255.0, reconstructions.numpy()))
        of_reconstructions.append([sharpness(step) for step in reconstructions])
        of_samples.append([sharpness(step) for step in samples])
        start += len(images)
    found = {"data_sharpness": float(np.concatenate(of_data).mean()), "images": num_images}
    rmse = np.sqrt(np.concatenate(errors, axis=1).mean(axis=1))
    columns = {
        "rmse": rmse,
        "sharpness": np.concatenate(of_reconstructions, axis=1).mean(axis=1),
        "sample_sharpness": np.concatenate(of_samples, axis=1).mean(axis=1),
    }
    digits = len(str(len(rmse)))  # With leading zeros, names sort as the steps do.
    for name, values in columns.items():
        numbered = enumerate(values, start=1)
        found |= {f"step_{t:0{digits}}_{name}": float(value) for t, value in numbered}
    return found


def _squared_errors(images, chain):
    """Mean over pixels of the squared error of each step of each image, `[T, N]`."""
    return np.mean((chain.astype(np.float64) - images) ** 2, axis=(2, 3, 4))
