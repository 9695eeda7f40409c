"""Eager time of each public method over the time of the same in `tf.function`, before and after.

    git worktree add /tmp/before 2ef4080
    python -m benchmarks.eager_methods --before /tmp/before

Two processes, one a source tree, take turns: in each round both time every method, eagerly and
compiled by hand, one call of each in turn. The medians' ratio is what is reported.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

_IMAGES = 16
_CALLS = 7  # Of each, a round.
_RESULTS = Path(__file__).parent / "results" / "eager_methods.json"
_SMALL = {"ConvVAE": {"latent_dim": 8, "filters": (8, 8), "hidden_units": 32}}
_SMALL["ConvDRAW"] = {"num_steps": 2, "filters": 8, "latent_filters": 2, "kernel_size": 3}
_MODELS = {"ConvVAE": {}, "ConvVAE_small": _SMALL["ConvVAE"]}
_MODELS |= {"ConvDRAW": {}, "ConvDRAW_small": _SMALL["ConvDRAW"]}


def _methods(model, images):
    """Functions of no argument by name of the method; what they give is computed in full."""
    latents = model.encode(images)
    return {
        "sample": lambda: model.sample(_IMAGES, seed=1),
        "sample_prior": lambda: model.sample_prior(_IMAGES, seed=1),
        "reconstruct": lambda: model.reconstruct(images),
        "call": lambda: model(images),
        "encode": lambda: model.encode(images),
        "decode": lambda: model.decode(latents).mean(),
        "log_prior": lambda: model.log_prior(latents),
        "log_posterior": lambda: model.log_posterior(latents, images),
        "log_prob": lambda: model.log_prob(images, num_samples=4),
        "infer": lambda: model.infer(images, seed=1).rate,
    }


def _time(call):
    start = time.perf_counter()
    result = call()
    for part in result if isinstance(result, tuple) else [result]:
        part.numpy()
    return time.perf_counter() - start


def _serve_rounds():
    """Answers each line of the standard input with a round of times, seconds, as JSON."""
    import tensorflow as tf

    import zoo

    images = np.random.default_rng(0).uniform(size=(_IMAGES, 28, 28, 1)).astype(np.float32)
    pairs = {}
    for name, arguments in _MODELS.items():
        model = getattr(zoo, name.partition("_")[0])((28, 28, 1), **arguments)
        for method, call in _methods(model, tf.constant(images)).items():
            pairs[f"{name} {method}"] = call, tf.function(call, autograph=False)
    for _ in sys.stdin:
        times = {name: [] for name in pairs}
        for name, (eager, compiled) in pairs.items():
            _time(eager), _time(compiled)
            for _ in range(_CALLS):
                times[name].append((_time(eager), _time(compiled)))
        print(json.dumps(times), flush=True)


def _compare(before, rounds):
    command = [sys.executable, str(Path(__file__).resolve()), "--serve"]
    trees = {"before": before, "after": str(Path(__file__).resolve().parents[1])}
    workers = {
        name: subprocess.Popen(
            command,
            env={"PYTHONPATH": tree, "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name, tree in trees.items()
    }
    times = {name: {} for name in trees}
    for _ in range(rounds):
        for name, worker in workers.items():
            print("go", file=worker.stdin, flush=True)
            for method, pairs in json.loads(worker.stdout.readline()).items():
                times[name].setdefault(method, []).extend(pairs)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return times


def _rows(times):
    for key in times["after"]:
        architecture, method = key.split()
        row = {"method": method, "architecture": architecture}
        for name, of_tree in times.items():
            eager, compiled = np.median(of_tree[key], axis=0)
            row[f"eager_over_compiled_{name}"] = round(float(eager / compiled), 2)
            row[f"eager_milliseconds_{name}"] = round(1e3 * float(eager), 2)
        yield row


def _main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", help="source tree of the commit to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve_rounds()
        return
    rows = list(_rows(_compare(arguments.before, arguments.rounds)))
    _RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    _main()
