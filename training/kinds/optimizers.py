"""The optimiser of a recipe, any of Keras's by name."""

import inspect

import keras

from zoo import registry
from zoo.names import UnknownName

__all__ = ["make_optimizer"]


def make_optimizer(recipe):
    """Makes the optimiser that a recipe describes.

    The learning rate rises along a line for a `warmup_fraction` of the steps (0 if not given), then
    falls along a cosine to `final_fraction` of its peak. All else in `recipe.optimizer` is for the
    optimiser itself; the momentum of SGD is Nesterov's unless that is said.

    Args:
        recipe: A `Recipe`.

    Raises:
        UnknownName: Keras has no such optimiser, or the optimiser no such argument.
        ValueError: The optimiser refuses a value.
    """
    settings = {"warmup_fraction": 0.0} | recipe.optimizer
    schedule = _make_schedule(
        settings.pop("learning_rate"),
        settings.pop("final_fraction"),
        round(settings.pop("warmup_fraction") * recipe.steps),
        recipe.steps,
    )
    optimizer = _find(settings.pop("class_name"))
    if optimizer is keras.optimizers.SGD:
        settings = {"nesterov": True} | settings
    registry.check_arguments(optimizer, settings)
    return optimizer(schedule, **settings)


def _make_schedule(peak, final_fraction, warmup_steps, steps):
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else peak,
        steps - warmup_steps,
        alpha=final_fraction,
        warmup_target=peak if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


def _find(name):
    # The others are wrapped around optimisers, or a base of them.
    known = {n: c for n, c in vars(keras.optimizers).items() if inspect.isclass(c) and _has_rate(c)}
    if name not in known:
        raise UnknownName("optimizer", name, sorted(known))
    return known[name]


def _has_rate(cls):
    return next(iter(inspect.signature(cls).parameters)) == "learning_rate"
