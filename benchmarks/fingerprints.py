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
import base64
import contextlib
import csv
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

ONE_THREAD = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
os.environ.update(ONE_THREAD)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

import zoo  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAX_VALUES = 64  # Of an array that the file keeps beside its hash, to size a difference.
NUM_IMAGES = 8
NOT_PINNED = ("seconds", "training_seconds", "images_per_second", "machine", "made_with", "recipe")


# === What is trained ===


def _of(class_name, **arguments):
    return {"class_name": class_name, "arguments": arguments}


def _geco(*constraints, **arguments):
    return _of("GECO", constraints=list(constraints), **arguments)


_ERROR = _of("ReconstructionError", tolerance=0.15)
_CONV_VAE = _of("ConvVAE", latent_dim=4, filters=[8, 8], hidden_units=16)
_DRAW = {"num_steps": 3, "filters": 8, "latent_filters": 2, "kernel_size": 3, "stride": 2}
_MIXTURE = _of("DiscretizedLogisticMixture", num_components=2)
# Name: architecture, objective, and where it is not `digits`, the data set.
RECIPES = {
    "conv_draw": (_of("ConvDRAW", **_DRAW), _geco(_ERROR)),
    "conditional_conv_draw": (
        _of("ConvDRAW", **_DRAW),
        _geco(_ERROR, update="algorithm-1"),
        "mnist_sum:digits",
    ),
    "conv_vae": (_CONV_VAE, _of("ELBO", beta=_of("Linear", start=0.0, end=1.0, steps=20))),
    "conv_vae_two_constraints": (
        _CONV_VAE,
        _geco(_ERROR, _of("PatchCorrelation", tolerance=0.5), update="algorithm-1"),
    ),
    "info_vae": (
        _CONV_VAE,
        _of("InfoVAE", alpha=0.5, lambda_=10.0, divergence=_of("MMD")),
    ),
    "nvp_vae": (
        _of("NVPVAE", latent_dim=4, num_couplings=4, coupling_units=[8], filters=[8, 8]),
        _geco(_ERROR),
    ),
    "sequential_vae": (
        _of("SequentialVAE", num_steps=3, latent_dims=[1, 2], filters=[8, 8], hidden_units=16),
        _of("ELBO", beta=1.0),
    ),
    "pixel_vae": (
        _of("PixelVAE", latent_dim=4, filters=8, num_blocks=2, likelihood=_MIXTURE),
        _of("Unregularised"),
    ),
    "infusion": (
        _of("InfusionModel", num_steps=4, filters=[8, 8], hidden_units=16),
        _of("Infusion"),
    ),
    "classifier": (_of("ConvClassifier", filters=[8, 8]), _of("CrossEntropy", shift=1)),
}
# Measured by `evaluate --measure`, for one of them.
MEASURED = ("conv_vae", ("aggregate_posterior", "active_units", "sharpness"))


def make_recipe(name):
    """Returns the recipe of that name in `RECIPES` as a dict: thirty steps, three epochs."""
    architecture, objective, *data = RECIPES[name]
    return {
        "name": name,
        "description": "A small model whose numbers are pinned.",
        "architecture": architecture,
        "objective": objective,
        "data": {"name": data[0] if data else "digits", "options": {"image_size": 8}},
        "optimizer": {"class_name": "Adam", "learning_rate": 0.005, "final_fraction": 0.1},
        "batch_size": 32,
        "steps": 30,
        "steps_per_epoch": 10,
        "validation_images": 64,
        "seed": 3,
        "fidelity": [{"setting": "size", "paper": "-", "ours": "tiny", "why": "pins numbers"}],
    }


def train(name, folder):
    """Trains a recipe by the command line; returns the run directory and its fingerprint."""
    recipe, directory = folder / f"{name}.json", folder / name
    recipe.write_text(json.dumps(make_recipe(name)), encoding="utf-8")
    _command("train", recipe, "--directory", directory)
    history = list(csv.DictReader((directory / "history.csv").open(encoding="utf-8")))
    metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    found = {
        "variables": _of_variables(directory / "savedmodel" / "1"),
        "history": _of_numbers({key: [row[key] for row in history] for key in history[0]}),
        "metrics": _of_numbers(metrics),
    }
    if name == MEASURED[0]:
        output = folder / "measures.json"
        flags = [flag for measure in MEASURED[1] for flag in ("--measure", measure)]
        _command("evaluate", directory, *flags, "--output", output)
        found["measures"] = _of_numbers(json.loads(output.read_text(encoding="utf-8")))
    return directory, found


def _command(*arguments):
    """Runs a command of `python -m training`."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )


# === What a model answers ===


def ask_model(model):
    """Returns what a loaded model answers to fixed images and seeds, and how it trains on."""
    shape = tuple(model.image_shape)
    images, labels = _make_images(shape)
    if isinstance(model, zoo.LatentImageModel):
        answers = _ask_latent_model(model, images)
        batch = {"image": images}
        if model.context_shape is not None:
            batch["context"] = _make_context(model)
    elif isinstance(model, zoo.ConvClassifier):
        answers = {"call": model(images), "logits": model.logits(images)}
        batch = (images, labels)
    else:
        answers = {
            "sample": model.sample(3, seed=7),
            "reconstruct": model.reconstruct(images, seed=5),
        }
        batch = images
    data = tf.data.Dataset.from_tensors(batch).repeat(3)
    logs = model.evaluate(data, verbose=0, return_dict=True)
    history = model.fit(data, epochs=2, verbose=0).history
    answers |= {"evaluate": [logs[name] for name in sorted(logs)]}
    answers |= {"trained on": [history[name] for name in sorted(history)]}
    return {name: fingerprint(value) for name, value in answers.items()}


def _ask_latent_model(model, images):
    given = {} if model.context_shape is None else {"context": _make_context(model)}
    of_three = {name: value[:3] for name, value in given.items()}
    inference = model.infer(images, seed=3, **given)
    latents = model.sample_prior(3, seed=9, **of_three)
    latents = latents if isinstance(latents, list | tuple) else (latents,)
    answers = {
        "infer rate": inference.rate,
        "infer distortion": inference.distortion,
        "sample": model.sample(3, seed=7, **of_three),
        "sample at 0.5": model.sample(3, seed=8, temperature=0.5, **of_three),
        "reconstruct": model.reconstruct(images, **given),
        "reconstruct a draw": model.reconstruct(images, seed=5, **given),
        "predict": model.predict(images, batch_size=4, verbose=0) if not given else 0.0,
        "log_prob": model.log_prob(images, num_samples=3, seed=5, **given),
    }
    groups = {
        "encode": model.encode(images, **given),
        "encode a draw": model.encode(images, seed=6, **given),
        "sample_prior": latents,
    }
    for name, group in groups.items():
        for index, latent in enumerate(group if isinstance(group, list | tuple) else (group,)):
            answers[f"{name} {index}"] = latent
    answers["log_prior"] = model.log_prior(latents, **of_three)
    answers["log_posterior"] = model.log_posterior(latents, images[:3], **of_three)
    answers["decode"] = model.decode(latents, **of_three).log_prob(images[:3])
    return answers


def ask_export(path, image_shape):
    """Returns what every signature of a SavedModel answers to fixed inputs."""
    loaded = tf.saved_model.load(str(path))
    answers = {}
    for name, signature in sorted(loaded.signatures.items()):
        given = signature.structured_input_signature[1]
        outputs = signature(
            **{key: _make_input(key, spec, image_shape) for key, spec in given.items()}
        )
        for key, value in sorted(outputs.items()):
            answers[f"{name} {key}"] = fingerprint(value)
    return answers


def _make_input(name, spec, image_shape):
    """Makes an input of a signature: 3 rows, by its name and type."""
    shape = [3 if size is None else size for size in spec.shape]
    rows = np.arange(np.prod(shape)).reshape(shape)
    if spec.dtype == tf.string:  # Image files.
        pixels = np.uint8(_make_images(image_shape)[0][:3] * 255)
        return tf.stack([tf.io.encode_png(image) for image in pixels])
    if name == "seed":
        return tf.constant(rows, spec.dtype)
    if name == "temperature":
        return tf.constant(0.7, spec.dtype, shape)
    if name == "image":
        return tf.constant(_make_images(tuple(shape[1:]))[0][:3], spec.dtype)
    return tf.constant(np.sin(rows) / 2 + 0.5, spec.dtype)  # In [0, 1], as contexts are.


def _make_images(shape):
    """Returns fixed images `[8, *shape]` in [0, 1] and their labels: digits, repeated to size."""
    digits = load_digits()
    images = digits.images[:NUM_IMAGES].astype(np.float32)[..., None] / 16
    rows, columns = (-(-size // 8) for size in shape[:2])
    images = np.repeat(np.repeat(images, rows, 1), columns, 2)[:, : shape[0], : shape[1]]
    return np.tile(images, shape[2]), digits.target[:NUM_IMAGES].astype(np.int32)


def _make_context(model):
    shape = (NUM_IMAGES, *model.context_shape)
    return (np.sin(np.arange(np.prod(shape))).reshape(shape) / 2 + 0.5).astype(np.float32)


# === Fingerprints ===


def fingerprint(value):
    """Returns the SHA-256 of an array's bytes, its shape, and some values to size a difference."""
    array = np.ascontiguousarray(keras.ops.convert_to_numpy(value))
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
    if array.dtype == object:  # Words.
        return {"sha256": hashlib.sha256(repr(array.tolist()).encode()).hexdigest()}
    chosen = array.reshape(-1)[:: max(1, array.size // MAX_VALUES)][:MAX_VALUES]
    values = base64.b64encode(chosen.astype("<f4").tobytes()).decode()
    return {"sha256": digest, "shape": list(array.shape), "values": values}


def _of_variables(path):
    """One fingerprint of all floats of a SavedModel's variables, whatever their names and order."""
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    arrays = [
        reader.get_tensor(name)
        for name, dtype in reader.get_variable_to_dtype_map().items()
        if dtype.is_floating
    ]
    arrays = sorted(arrays, key=lambda array: (array.shape, array.tobytes()))
    return fingerprint(np.concatenate([array.reshape(-1) for array in arrays]))


def _of_numbers(values):
    """One fingerprint a number or list of numbers in nested dicts, but for `NOT_PINNED`."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in NOT_PINNED:
            found |= {f"{key} {rest}": number for rest, number in _of_numbers(value).items()}
        elif key not in NOT_PINNED:
            with contextlib.suppress(TypeError, ValueError):  # Words.
                found[key] = fingerprint(np.asarray(value, np.float64))
    return found


def compare(before, after):
    """Returns the largest difference over the largest magnitude: 0 only for equal bits."""
    if before["sha256"] == after["sha256"]:
        return 0.0
    if "values" not in before or before.get("shape") != after.get("shape"):
        return np.inf
    a, b = (
        np.frombuffer(base64.b64decode(one["values"]), "<f4").astype(np.float64)
        for one in (before, after)
    )
    difference = np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)
    return max(difference, np.finfo(np.float32).tiny)  # Equal where looked at, but not everywhere.


# === The command ===


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
