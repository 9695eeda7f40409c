"""What `vae-zoo reproduce` does: the runs of a target that are not finished, then its drawing."""

import re

from training import build, run
from training.errors import UsageError, near_names
from training.reproduction.store import Store
from training.reproduction.target import Finished
from training.reproduction.targets import TARGETS

__all__ = ["reproduce"]


def reproduce(arguments):
    """Reproduces a target: `vae-zoo reproduce`."""
    target = find_target(arguments.target)
    index, number = _parse_shard(arguments.shard)
    store = Store(arguments.directory, arguments.scale)
    runs = target.runs(arguments.scale)
    mine = [run for position, run in enumerate(runs) if position % number == index - 1]
    do_runs(mine, runs, store)
    draw(target, store)


def find_target(name):
    """Gives the target of that name.

    Raises:
        UsageError: There is none; the message has the names.
    """
    if name not in TARGETS:
        raise UsageError(
            f"There is no target {name!r}.{near_names(name, TARGETS)} The targets are "
            f"{', '.join(TARGETS)}."
        )
    return TARGETS[name]


def _parse_shard(text):
    """Reads "2/8", the second of eight parts."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    index, number = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= number:
        raise UsageError(
            "--shard must be PART/PARTS with 1 <= PART <= PARTS, such as 2/8 on the second of "
            f"eight machines. Received: {text}."
        )
    return index, number


def do_runs(mine, runs, store):
    """Does those runs that are not finished, one after the other; says what it waits for.

    Args:
        mine: The `Run`s to do.
        runs: All of the target, for those that others come after.
        store: The `Store`.
    """
    by_name = {one.name: one for one in runs}
    for position, one in enumerate(mine, start=1):
        label = f"[{position}/{len(mine)}] {one.name}"
        if store.read_result(one) is not None:
            print(f"{label}: finished before.")
            continue
        before = {name: store.read_result(by_name[name]) for name in one.after}
        waiting = [name for name, result in before.items() if result is None]
        if waiting:
            print(f"{label}: left for later, it comes after {', '.join(waiting)}.")
            continue
        print(f"{label}: training.")
        recipe = one.recipe(before) if callable(one.recipe) else one.recipe
        directory = store.run_directory(one.name)
        resume = directory.recipe.exists()
        # Loaded from their checkpoints: hundreds of megabytes of exports would be of no use.
        model, _ = run.train(recipe, directory.path, resume=resume, export=False)
        store.write_measures(one, model, build.load_data(recipe))


def list_names(names, most=6):
    """Lists names in a text, of many the first ones and the number of the others."""
    text = ", ".join(names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def draw(target, store):
    """Draws what is there of a target; says what is missing.

    Returns:
        The numbers, or None if there is too little.
    """
    results = {one.name: store.read_result(one) for one in target.runs(store.scale)}
    missing = tuple(name for name, result in results.items() if result is None)
    there = {name: result for name, result in results.items() if result is not None}
    picture = store.picture(target.name)
    picture.parent.mkdir(parents=True, exist_ok=True)
    numbers = target.draw(Finished(there, missing, store.scale), picture)
    if numbers is None:
        print(f"{target.name}: nothing to draw yet; missing: {list_names(missing)}.")
        return None
    values = {
        "target": target.name,
        "scale": store.scale,
        "missing": list(missing),
        "numbers": numbers,
        "made_with": {name: result.recipe.seed for name, result in there.items()},
    }
    store.write_json(store.numbers(target.name), values)
    left = f" Missing: {list_names(missing)}." if missing else ""
    print(f"{target.name}: {target.verdict(numbers)}{left}\nDrew {picture}.")
    return values
