"""Fills a signature's inputs from the arguments of the client's method of the same name."""

import re

from zoo.serving.client import arguments
from zoo.serving.client.errors import InvalidInputError
from zoo.serving.client.rows import num_rows

__all__ = ["as_inputs", "latent_names"]

# Drawn with another seed each time unless one is given; the other methods take 0.
_FRESHLY_SEEDED = ("sample", "sample_encoded", "log_prob")


def as_inputs(name, signature, given):
    """Returns a dict of input name to array of N rows.

    Args:
        name: Name of the signature.
        signature: Its `ServedSignature`.
        given: The method's arguments, a dict with one of `image`, `image_bytes`, `latents`, `num`,
            and any of `context`, `seed`, `temperature`, `tolerance`, `mask`; None is not given.

    Raises:
        InvalidInputError: An argument is wrong, missing, or none of this model's.
    """
    specs = signature.inputs
    main = next((known for known in ("image", "image_bytes") if known in given), None)
    if (main and main not in specs) or ("latents" in given and not latent_names(specs)):
        raise InvalidInputError(
            f"The served `{name}` takes {sorted(specs)}, not {main or 'latents_0'!r}. Was this "
            "model exported by the zoo?"
        )
    inputs = _main_inputs(specs, given)
    num = arguments.as_num(given["num"]) if "num" in given else num_rows(inputs)
    inputs |= _context(specs, given.get("context"), num)
    seed = given.get("seed")
    if "seed" in specs:
        default = arguments.fresh_seed() if name in _FRESHLY_SEEDED else 0
        inputs["seed"] = arguments.as_row_seeds(default if seed is None else seed, num)
    elif seed is not None:
        raise InvalidInputError(
            f"The served `{name}` of this model draws nothing, so it takes no seed. Received: "
            f"seed={seed!r}"
        )
    if given.get("mask") is not None:
        inputs["mask"] = arguments.as_masks(given["mask"], specs["mask"].row_shape, num)
    if "temperature" in specs:
        inputs["temperature"] = arguments.as_temperatures(given["temperature"], num)
    tolerance = given.get("tolerance")
    if "tolerance" in specs:
        inputs["tolerance"] = arguments.as_tolerances(tolerance, num)
    elif tolerance is not None:
        raise InvalidInputError(
            "This model has the one tolerance of its training, so it takes none. Received: "
            f"tolerance={tolerance!r:.60}"
        )
    unknown = set(specs) - set(inputs)
    if unknown:
        raise InvalidInputError(
            f"The served `{name}` takes {sorted(specs)}, and this client does not know "
            f"{sorted(unknown)}: install the version of the zoo that exported the model."
        )
    return inputs


def latent_names(names):
    """Returns the names that are groups of latents, in order: latents_0, latents_1, ..."""
    groups = [name for name in names if re.fullmatch(r"latents_\d+", name)]
    return sorted(groups, key=lambda name: int(name.removeprefix("latents_")))


def _main_inputs(specs, given):
    """Those that say how many rows there are; none where `num` does."""
    if "image" in given:
        row_shape = specs["image"].row_shape
        return {"image": arguments.as_images(given["image"], row_shape, "images")}
    if "image_bytes" in given:
        return {"image_bytes": arguments.as_encoded_images(given["image_bytes"])}
    if "latents" in given:
        names = latent_names(specs)
        row_shapes = [specs[name].row_shape for name in names]
        return dict(zip(names, arguments.as_latents(given["latents"], row_shapes), strict=True))
    return {}


def _context(specs, context, num):
    if "context" not in specs:
        if context is not None:
            raise InvalidInputError("This model is not conditional: it takes no context.")
        return {}
    row_shape = specs["context"].row_shape
    if context is None:
        raise InvalidInputError(
            "This model is conditional: pass context=, of shape "
            f"[N, {', '.join(map(str, row_shape))}]."
        )
    context = arguments.as_images(context, row_shape, "context")
    if len(context) != num:
        raise InvalidInputError(
            f"There must be one context for each row: {num}. Received: {len(context)}."
        )
    return {"context": context}
