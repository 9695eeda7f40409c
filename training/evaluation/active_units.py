"""How many latents a model uses: those whose posterior mean moves with the image.

Burda, Grosse & Salakhutdinov 2016, Section 5.2: a unit u is active if Cov_x(E_q(u|x)[u]) > 0.01.
"""

import numpy as np

from training.evaluation.latents import posterior_means

__all__ = ["measure"]

DESCRIPTION = "how many latents move with the image"


def measure(model, data, split="test", num_images=2000, threshold=0.01):
    """Counts active units.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        split: The split whose first images are encoded.
        num_images: Their number, at most as many as the split has.
        threshold: Least variance, over images, of an active unit's posterior mean.

    Returns:
        A dict of `active`, `units` and their `share`; in a hierarchy a group's posterior mean is
        that given the means of the groups before it, and of a flow it is z at base noise 0.

    Example:
        >>> measure(zoo.load("conv_draw_digits"), datasets.load("digits"))
    """
    variances = np.var(np.float64(posterior_means(model, data, split, num_images)), axis=0)
    active = int((variances > threshold).sum())
    return {"active": active, "units": len(variances), "share": active / len(variances)}
