"""How sharp images are: the variance of their Laplacian (Pech-Pacheco et al. 2000).

Blurred images have little of it, noisy ones much: read it beside the data's, and beside pictures.
"""

import numpy as np

__all__ = ["measure", "sharpness"]

DESCRIPTION = "the variance of the Laplacian of data, reconstructions and samples"
NEEDS = ()

_BATCH_SIZE = 200


def measure(model, data, split="test", num_images=1000, seed=0):
    """Measures the sharpness of reconstructions, with z drawn, and of samples.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        split: The split whose first images are reconstructed.
        num_images: Their number, at most as many as the split has, and that of samples.
        seed: Of the latents.

    Returns:
        A dict of the mean sharpness of `data`, `reconstructions` and `samples`, in squared pixel
        units, and of the number of `images`.

    Example:
        >>> measure(zoo.load("conv_draw_mnist"), datasets.load("mnist"))
    """
    num_images = min(num_images, data.num_examples[split])
    of_data, of_reconstructions, of_samples, start = [], [], [], 0
    for batch in data.levels.batches(split, _BATCH_SIZE, num_images):
        images = batch["image"]
        of_data.append(sharpness(images))
        of_reconstructions.append(sharpness(model.reconstruct(images, seed=(seed, start))))
        of_samples.append(sharpness(model.sample(len(images), seed=(seed, start))))
        start += len(images)
    return {
        "data": float(np.concatenate(of_data).mean()),
        "reconstructions": float(np.concatenate(of_reconstructions).mean()),
        "samples": float(np.concatenate(of_samples).mean()),
        "images": num_images,
    }


def sharpness(images):
    """Returns the variance of each image's Laplacian.

    The Laplacian of the image's grey level, the mean of its channels [choice], is taken by the
    difference stencil of five points, where all five lie in the image.

    Args:
        images: `[N, H, W, C]`, uint8 or float in pixel units; floats are clipped to [0, 1], as a
            picture shows them. H and W are at least 3.

    Returns:
        float64 `[N]`, in squared pixel units.
    """
    images = np.asarray(images)
    if images.ndim != 4 or min(images.shape[1:3]) < 3:
        raise ValueError(
            "sharpness takes images [N, H, W, C] of at least 3x3 pixels. Received: images of shape "
            f"{images.shape}"
        )
    levels = images / 255.0 if images.dtype == np.uint8 else np.clip(images, 0.0, 1.0)
    grey = levels.astype(np.float64).mean(axis=-1)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    laplacian = neighbours - 4.0 * grey[:, 1:-1, 1:-1]
    return laplacian.var(axis=(1, 2))
