"""Rules for GECO's multiplier side by side: how near the tolerance, how soon, at how many nats.

    python -m benchmarks.multiplier_update --case mnist --variant default --seed 0
    python -m benchmarks.multiplier_update --grid full --output FILE --processes 8

A run is a case (data, architecture, tolerance, batch, schedule), a variant of the update and a
seed. Finished runs are in the file and are not repeated. MNIST is read from TFDS_DATA_DIR.

- Error: the test rmse over the tolerance κ, every 250 steps; `worst_from_1000` is the largest
  distance from 1 among those from step 1000 on.
- Settling: the first step from which on GECO's moving average of the training error stays within
  3% of κ to the end, in steps of ten.
- Overshoot: how far that average falls below κ, in percent of it, once it has reached it: error
  that was bought with more rate than was asked for.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import pathlib
import statistics

import numpy as np

from benchmarks.multiplier_update.cases import CASES
from benchmarks.multiplier_update.rules import VARIANTS
from benchmarks.multiplier_update.training import run

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "multiplier_update.json"


def run_all(runs, path, processes):
    """Makes the runs that the file lacks, and writes it after each."""
    done = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    finished = {(r["case"], r["variant"], r["seed"]) for r in done}
    left = [names for names in runs if names not in finished]
    print(f"{len(runs) - len(left)} runs are done, {len(left)} are left", flush=True)
    if processes > 1:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
            futures = [pool.submit(run, *names) for names in left]
            for future in concurrent.futures.as_completed(futures):
                keep(done, future.result(), path)
    else:
        for names in left:
            keep(done, run(*names), path)
    return [r for r in done if (r["case"], r["variant"], r["seed"]) in set(runs)]


def keep(done, result, path):
    """Adds a finished run to the file, one line a run."""
    done.append(result)
    print({k: v for k, v in result.items() if not isinstance(v, list | dict)}, flush=True)
    lines = ",\n".join(json.dumps(r) for r in done)
    path.write_text('{"runs": [\n' + lines + "\n]}\n", encoding="utf-8")


def table(results):
    """Returns the results as Markdown: medians over the seeds."""
    lines = [
        "| case | variant | test rmse / κ | worst from step 1000 | rate, nats | λ / λ_0 "
        "| overshoot, % | settled at |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        for variant in VARIANTS:
            rows = [r for r in results if (r["case"], r["variant"]) == (case, variant)]
            if not rows:
                continue
            middle = {
                name: statistics.median(row[name] for row in rows)
                for name in ("error", "worst_from_1000", "rate", "log_multiplier")
            }
            overshoot = statistics.median(row["overshoot_percent"] for row in rows)
            settled = statistics.median(row["settled"] or float("inf") for row in rows)
            lines.append(
                f"| {case} | {variant} | {middle['error']:.3f} | {middle['worst_from_1000']:.3f} "
                f"| {middle['rate']:.1f} | {np.exp(middle['log_multiplier']):.3g} "
                f"| {overshoot:.1f} | {settled:.0f} |"
            )
    return "\n".join(lines)


def main():
    """Makes the runs that are asked for, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--variant", choices=VARIANTS, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--grid", choices=["full"], help="every case with every variant")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what the file has")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(options.output.read_text(encoding="utf-8"))["runs"]))
        return
    cases, variants = (
        (CASES, VARIANTS) if options.grid else (options.case or CASES, options.variant or VARIANTS)
    )
    runs = [(c, v, s) for s in options.seed or [0] for c in cases for v in variants]
    print(table(run_all(runs, options.output, options.processes)))


if __name__ == "__main__":
    main()
