"""The command line."""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from training.errors import UserError
from training.recipes import find_recipe


def main(arguments=None):
    p = argparse.ArgumentParser(prog="vae-zoo")
    s = p.add_subparsers(dest="command", required=True)
    t = s.add_parser("train")
    t.add_argument("recipe")
    t.add_argument("--directory")
    t.add_argument("--dataset")
    t.add_argument("--image-size", type=int)
    t.add_argument("--tolerance", type=float)
    t.add_argument("--objective", choices=["geco", "elbo"])
    t.add_argument("--steps", type=int)
    t.add_argument("--batch-size", type=int)
    t.add_argument("--seed", type=int)
    t.add_argument("--learning-rate", type=float)
    t.add_argument("--strategy")
    t.add_argument("--resume", action="store_true")
    a = p.parse_args(arguments)
    try:
        from training.run_directory import RunDirectory
        base = find_recipe(a.recipe)
        a.directory = a.directory or f"runs/{base.name}"
        if a.resume:
            stored = RunDirectory(a.directory).read_recipe()
            if stored.name != base.name:
                raise UserError(f"{a.directory} is a run of {stored.name}, not of {base.name}.")
            base = stored  # The run goes on as it was begun, even if the preset has changed since.
        r = base.override(
            dataset=a.dataset, image_size=a.image_size, tolerance=a.tolerance, objective=a.objective,
            steps=a.steps, batch_size=a.batch_size, seed=a.seed, learning_rate=a.learning_rate)
        from training import run
        _, metrics = run.train(r, a.directory or f"runs/{r.name}", a.resume, a.strategy)
        print(metrics)
    except UserError as e:
        print(e, file=sys.stderr)
        return e.exit_code
    return 0
