"""Makes from a recipe the optimiser that it describes."""

import keras

from zoo.errors import UsageError

__all__ = ["make_optimizer"]


def make_optimizer(recipe):
    """Makes Adam, or SGD with Nesterov's momentum.

    The learning rate rises along a line for a `warmup_fraction` of the steps (0 if not given), then
    falls along a cosine to `final_fraction` of its peak.

    Args:
        recipe: A `Recipe`.

    Raises:
        UsageError: The recipe names another optimiser.
    """
    settings = recipe.optimizer
    warmup_steps = round(settings.get("warmup_fraction", 0.0) * recipe.steps)
    target = settings["learning_rate"]
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup_steps else target,
        recipe.steps - warmup_steps,
        alpha=settings["final_fraction"],
        warmup_target=target if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    weight_decay = settings.get("weight_decay")
    if settings["class_name"] == "Adam":
        return keras.optimizers.Adam(schedule, weight_decay=weight_decay)
    if settings["class_name"] == "SGD":
        return keras.optimizers.SGD(
            schedule, momentum=settings["momentum"], nesterov=True, weight_decay=weight_decay
        )
    raise UsageError(f"The optimizer must be Adam or SGD. Received: {settings['class_name']!r}.")
