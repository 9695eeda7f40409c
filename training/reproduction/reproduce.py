"""Does the runs of a target that are not finished, and its drawing."""

import sys

from training import datasets
from training.reproduction import drawn
from training.reproduction.target import Finished
from training.runs import model_source, run
from training.runs.stages import stage
from zoo.errors import UserError

__all__ = ["do_runs", "draw", "list_names"]


def do_runs(mine, runs, store):
    """Does those runs that are not finished, one after the other; says what it waits for.

    Args:
        mine: The `Run`s to do.
        runs: All of the target, for those that others come after.
        store: The `Store`.

    Returns:
        Names of the runs that failed; the others are done all the same.
    """
    by_name = {one.name: one for one in runs}
    failed = []
    for position, one in enumerate(mine, start=1):
        label = f"[{position}/{len(mine)}] {one.name}"
        try:
            _do_run(one, [by_name[name] for name in one.after], store, label)
        except UserError as error:
            print(f"{label}: failed. {error}", file=sys.stderr)
            failed.append(one.name)
    return failed


def _do_run(one, after, store, label):
    before = store.read_results(after)
    waiting = [name for name, result in before.items() if result is None]
    if store.read_result(one, before) is not None:
        print(f"{label}: finished before.")
        return
    if waiting:
        print(f"{label}: left for later, it comes after {', '.join(waiting)}.")
        return
    with store.alone(one) as is_mine:
        if not is_mine:
            print(f"{label}: another process is at work on it.")
            return
        directory = store.run_directory(one.name)
        recipe = one.make_recipe(before)
        if directory.metrics.exists():
            print(f"{label}: measuring.")
            model = model_source.load_model(str(directory.path))[0]
        else:
            print(f"{label}: training.")
            resume = directory.recipe.exists()
            # Loaded from their checkpoints: hundreds of megabytes of exports would be of no use.
            model, _ = run.train(recipe, directory.path, resume=resume, export=False)
        store.write_measures(one, model, datasets.load_for(recipe))


def list_names(names, most=6):
    """Lists names in a text, of many the first ones and the number of the others."""
    text = ", ".join(names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text


def draw(target, store):
    """Draws what is there of a target; says what is missing.

    Returns:
        The numbers, or None if there is too little.
    """
    results = store.read_results(target.runs(store.scale))
    missing = tuple(name for name, result in results.items() if result is None)
    there = {name: result for name, result in results.items() if result is not None}
    with stage(f"Computing {target.name}"):
        measured = target.measure(Finished(there, missing, store.scale))
    if measured is None:
        print(f"{target.name}: nothing to draw yet; missing: {list_names(missing)}.")
        return None
    numbers, arrays = measured
    values = {
        "target": target.name,
        "scale": store.scale,
        "missing": list(missing),
        "numbers": numbers,
        "seeds": {name: result.recipe.seed for name, result in there.items()},
        "commits": {name: result.made_with["commit"] for name, result in there.items()},
    }
    drawn.write(store.folder, target, values, arrays)
    # The scale of a smoke run is too small for any verdict.
    verdict = None if store.scale == "smoke" else target.verdict(numbers)
    left = f" Missing: {list_names(missing)}." if missing else ""
    print(f"{target.name}: {verdict or 'drawn.'}{left}\nIn {store.folder}.")
    return values
