"""Rates of models whose errors differ a little, brought to one error."""

__all__ = ["point_at", "rate_at"]


def rate_at(rmse, of):
    """Returns the rate that a model would have at another error, to first order.

    The multiplier is the slope of a model's rate-distortion curve, λ = -dR / d(rmse²).

    Args:
        rmse: The error, in pixel units.
        of: `(rmse, rate, multiplier)` of the model: pixel units, nats an image, and nats an image
            per squared pixel unit.

    Returns:
        Nats an image.

    Example:
        >>> rate_at(0.1, of=(0.099, 35.0, 2700.0))
        34.4627
    """
    own_rmse, rate, multiplier = of
    return rate + multiplier * (own_rmse**2 - rmse**2)


def point_at(tolerance, model, batches, single=None):
    """Measures a model for every tolerance at one, beside a model for that one alone.

    Args:
        tolerance: κ, in pixel units, within the model's range.
        model: A `zoo.LatentImageModel` with a range of tolerances.
        batches: Batches `[B, H, W, C]` of test images, as of `ImageDataset.batches`.
        single: `metrics.json` of a run of one tolerance, a dict, if there is one.

    Returns:
        `tolerance`, `rmse` in pixel units and `rate` in nats an image; with a single model also
        `single_rmse`, `single_rate` and `ratio_at_one_error`, of the rates at the single model's
        error, to which its multiplier brings the other one.
    """
    found = model.evaluate(batches, tolerance=tolerance, verbose=0, return_dict=True)
    point = {"tolerance": tolerance} | {name: float(found[name]) for name in ("rmse", "rate")}
    if single is not None:
        test = single["test"]
        (multiplier,) = single["multipliers"].values()
        rate = rate_at(test["rmse"], of=(point["rmse"], point["rate"], multiplier))
        point |= {"single_rmse": test["rmse"], "single_rate": test["rate"]}
        point["ratio_at_one_error"] = rate / test["rate"]
    return point
