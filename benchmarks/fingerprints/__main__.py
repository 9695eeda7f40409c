"""Pins what models compute: trains small recipes and compares every number with an earlier commit.

    python -m benchmarks.fingerprints write FILE --exports FOLDER    # at the commit before
    python -m benchmarks.fingerprints check FILE --exports FOLDER    # at the commit after

Ten small models on scikit-learn's digits, which go through every architecture, kind of model and
objective of the zoo, are trained for thirty steps each by the command line. Pinned are the weights
and the objective's state after the training, its history and measures, what the model answers when
loaded, how it trains on, and what its export's signatures answer. With `--exports`, `write` keeps
the exports and `.keras` files, and `check` asks the old files the same. The pretrained models of
`savedmodels/` are always asked.

`check` prints a line a quantity: "equal" to the last bit, or the largest difference over the
largest magnitude. It exits with 1 if training moved at all, or an answer by more than
`--tolerance`. Bits are those of one kind of processor: write and check on the same machine. Both
run TensorFlow with one thread and no accelerator. Only what stays put is used: the command line,
`zoo.load`, `keras.saving.load_model` and `tf.saved_model.load`.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import traceback

import keras

import zoo
from benchmarks.fingerprints.answers import ask_export, ask_model
from benchmarks.fingerprints.fingerprint import compare
from benchmarks.fingerprints.recipes import RECIPES, train


def measure(name, work, exports=None, write=False):
    """Yields (group, what it is to be compared with, quantity → fingerprint) of a model.

    Args:
        name: One of `RECIPES`, or a pretrained model's.
        work: Folder for the runs.
        exports: Folder of exports, or None.
        write: Whether to put the run's export there; else the one that is there is asked.
    """
    if name not in RECIPES:
        yield from _ask(name, zoo.saved_model_path(name))
        return
    directory, found = train(name, work)
    path = directory / "savedmodel" / "1"
    yield f"{name}: training", f"{name}: training", _flat(found)
    yield from _ask(name, path)
    if exports is None:
        return
    kept, archive = exports / name / "1", exports / f"{name}.keras"
    if write:
        shutil.copytree(path, kept)
        zoo.load(path).save(archive)
        return
    yield from _ask(name, kept, "old ")
    model = keras.saving.load_model(archive)
    yield f"old .keras of {name}: loaded", f"{name}: loaded", ask_model(model)


def _ask(name, path, prefix=""):
    model = zoo.load(path)
    image_shape = tuple(model.image_shape)
    yield f"{prefix}{name}: loaded", f"{name}: loaded", ask_model(model)
    yield f"{prefix}{name}: served", f"{name}: served", ask_export(path, image_shape)


def _flat(found):
    """Quantities of nested dicts, by their joined names."""
    if "sha256" in found:
        return {"": found}
    return {
        f"{name} {rest}".strip(): value
        for name, inner in found.items()
        for rest, value in _flat(inner).items()
    }


def main():
    """Writes the fingerprints, or compares with those written."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("do", choices=("write", "check"))
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--exports", type=pathlib.Path, help="folder of the exports of `write`")
    parser.add_argument("--only", nargs="+", help="only these models; default: all")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of answers; default: 1e-5")
    arguments = parser.parse_args()
    names = arguments.only or [*RECIPES, *zoo.list_models()]
    with tempfile.TemporaryDirectory() as work:
        if arguments.do == "write":
            _write(names, pathlib.Path(work), arguments)
        else:
            _check(names, pathlib.Path(work), arguments)


def _write(names, work, arguments):
    found = {}
    for name in names:
        for group, _, quantities in measure(name, work, arguments.exports, write=True):
            found[group] = quantities
            print(f"{group}: {len(quantities)} quantities", flush=True)
    arguments.file.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def _check(names, work, arguments):
    """Compares all models, whatever happens to one of them; exits with 1 if anything moved."""
    before = json.loads(arguments.file.read_text(encoding="utf-8"))
    num_moved = 0
    for name in names:
        try:
            for group, pinned, quantities in measure(name, work, arguments.exports):
                num_moved += _report(group, before[pinned], quantities, arguments.tolerance)
        except Exception:  # The other models are still to be compared.
            traceback.print_exc(file=sys.stdout)
            print(f"{name}: FAILED", flush=True)
            num_moved += 1
    if num_moved:
        raise SystemExit(f"{num_moved} quantities moved.")


def _report(group, before, after, tolerance):
    """Prints a line a quantity; returns how many moved by more than they may."""
    allowed = 0.0 if group.endswith(": training") else tolerance
    num_moved = 0
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            print(f"{group} {name}: only {'before' if name in before else 'after'}", flush=True)
            num_moved += 1
            continue
        difference = compare(before[name], after[name])
        moved = difference > allowed
        verdict = f"{difference:.1e}" + (" MOVED" if moved else "") if difference else "equal"
        print(f"{group} {name}: {verdict}", flush=True)
        num_moved += moved
    return num_moved


if __name__ == "__main__":
    main()
