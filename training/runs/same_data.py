"""Whether a run that is resumed goes on with the images that it began with."""

import warnings

from training.runs.checkpoints import CheckpointStore
from zoo.errors import MismatchError

__all__ = ["check_same_data", "describe_data"]


def describe_data(data):
    """Returns what tells whether an `ImageDataset` is the same again, JSON-ready."""
    return {"images": data.num_examples, "version": data.version}


def check_same_data(data, run_directory, changed_data, is_chief):
    """Refuses to resume a run with other images, for which no uninterrupted run exists.

    Args:
        data: The `ImageDataset`.
        run_directory: The `RunDirectory` of the run.
        changed_data: Whether to go on all the same: warns, and notes the change in `recipe.json`.
        is_chief: Whether this process writes.

    Raises:
        MismatchError: The images have changed since the run began.
    """
    made_with = run_directory.read_made_with()
    before, now = made_with.get("data"), describe_data(data)
    if before in (None, now):  # Runs of older versions did not note it.
        return
    difference = _difference(before["images"], now["images"])
    if not changed_data:
        raise MismatchError(
            "resume",
            "$resume to continue with the images that the run began with",
            f"{data.name} {difference}",
            "bring them back as they were, train on these from the beginning in another "
            "$directory, or go on with them by $changed_data=True",
        )
    warnings.warn(f"The run goes on with other images: {data.name} {difference}.", stacklevel=3)
    if is_chief:
        steps = CheckpointStore(run_directory.checkpoints, read_only=True).steps()
        change = {"step": steps[-1] if steps else 0, "before": before}
        made_with["data_changes"] = [*made_with.get("data_changes", []), change]
        values = run_directory.read_recipe().to_dict()
        run_directory.write_json(
            run_directory.recipe, values | {"made_with": made_with | {"data": now}}
        )


def _difference(before, now):
    changed = [
        f"{now[name]:,} and not {before.get(name, 0):,} for {name}"
        for name in now
        if now[name] != before.get(name)
    ]
    return f"with {', '.join(changed)}" if changed else "with images of other content or order"
