"""Times training steps beside the same networks in PyTorch, in one run.

    python -m benchmarks.peers                         # about eight minutes on two quiet cores
    python -m benchmarks.peers conv_vae --quick        # one peer, a short look, nothing written
    python -m benchmarks.peers --torch-python PATH     # an interpreter with requirements.txt

Each framework has a process of its own. For each peer (see settings.py) both get the same weights,
images and noise, and must agree in every term of the loss and every gradient; then all variants
take turns in rounds, and the medians over the rounds count. PyTorch's best variant of a precision
counts, eager or compiled; one twice as slow as the best of its precision leaves the rounds.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile

from benchmarks.peers import settings
from benchmarks.train_step import Framework, ratio
from training.runs import provenance

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "peers.json"
PRECISIONS = ("float32", "bfloat16")
WAYS = ("eager", "compiled")
TOLERANCES = {"loss": 1e-5, "gradients": 1e-4}
MOST_TIMES_SLOWER = 2.0


def check(zoo, torch, peer):
    """Returns the relative differences of loss and gradients; raises if they are too large."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "ours")
        zoo("measure", peer=peer, path=path)
        differences = torch("compare", peer=peer, path=path)
    for name, most in TOLERANCES.items():
        if not differences[name] <= most:
            raise RuntimeError(f"{peer}: {name} differ by {differences[name]:.1e}, over {most:g}.")
    return differences


def prepare(zoo, torch, peer, ways):
    """Makes all steps; returns the framework of each variant and the seconds that each took."""
    variants = dict.fromkeys(PRECISIONS, zoo)
    variants |= {f"{way} {precision}": torch for way in ways for precision in PRECISIONS}
    seconds = {
        variant: framework("prepare", peer=peer, variant=variant)
        for variant, framework in variants.items()
    }
    return variants, seconds


def without_slow(variants, torch):
    """Returns the variants that are worth rounds, by a step each."""
    first = {name: f("run", name=name, num_steps=1) for name, f in variants.items()}
    kept = {}
    for name, framework in variants.items():
        rivals = [
            first[other]
            for other, its in variants.items()
            if its is torch and other.endswith(name.split()[-1])
        ]
        if framework is not torch or first[name] <= MOST_TIMES_SLOWER * min(rivals):
            kept[name] = framework
    return kept


def time_rounds(variants, num_rounds, num_steps):
    """Times all variants in every round; returns seconds a step by variant, a list a variant."""
    seconds = {name: [] for name in variants}
    for index in range(num_rounds):
        # Every other round runs backwards, so that no variant always follows the same one.
        for name in variants if index % 2 == 0 else reversed(variants):
            seconds[name].append(variants[name]("run", name=name, num_steps=num_steps))
    return seconds


def measure(zoo, torch, peer, ways, rounds):
    """Compares a peer with ours, then times both; returns a dict for JSON."""
    batch_size = settings.of(peer)["batch_size"]
    result = {"recipe": settings.PEERS[peer], "batch_size": batch_size}
    result["differences"] = check(zoo, torch, peer)
    variants, result["seconds_to_prepare"] = prepare(zoo, torch, peer, ways)
    seconds = time_rounds(without_slow(variants, torch), **rounds)
    for framework in (zoo, torch):
        framework("forget")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    result |= {"seconds": seconds, "compared": {}}
    for precision in PRECISIONS:
        theirs = [name for name in medians if name != precision and name.endswith(precision)]
        best = min(theirs, key=medians.get)
        result["compared"][precision] = {
            "torch_variant": best.split()[0],
            "our_images_per_second": batch_size / medians[precision],
            "their_images_per_second": batch_size / medians[best],
            "times_as_fast": ratio(seconds, best, precision),
        }
    return result


def show(peer, result):
    """Prints what was measured of a peer."""
    differences = ", ".join(f"{name} to {d:.0e}" for name, d in result["differences"].items())
    print(f"{peer}, batches of {result['batch_size']}: the same {differences}")
    for precision, found in result["compared"].items():
        low, high = found["times_as_fast"]["quartiles"]
        print(
            f"  {precision}: {found['our_images_per_second']:.0f} images a second, PyTorch "
            f"{found['torch_variant']} {found['their_images_per_second']:.0f}: "
            f"{found['times_as_fast']['median']:.2f} times as fast ({low:.2f} to {high:.2f})",
            flush=True,
        )


def main():
    """Runs the benchmark, prints what it finds and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(settings.PEERS))
    parser.add_argument(
        "--quick", action="store_true", help="two rounds, nothing compiled, no JSON"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with PyTorch")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(settings.PEERS))
    if unknown:
        parser.error(f"NAME must be among {', '.join(settings.PEERS)}. Received: {unknown}")
    rounds = (
        {"num_rounds": 2, "num_steps": 1} if arguments.quick else {"num_rounds": 9, "num_steps": 4}
    )
    program = ("-m", "benchmarks.peers.worker")
    with contextlib.ExitStack() as stack:
        zoo, torch = (
            stack.enter_context(
                contextlib.closing(
                    Framework(f"benchmarks.peers.{side}", python, arguments.threads, program)
                )
            )
            for side, python in (
                ("zoo_side", sys.executable),
                ("torch_side", arguments.torch_python),
            )
        )
        report = {
            "commit": provenance.commit(),
            "machine": provenance.machine(),
            "threads": arguments.threads,
            "versions": zoo("versions") | torch("versions"),
            "load_average_before": os.getloadavg(),
            "rounds": rounds,
            "peers": {},
        }
        ways = WAYS[:1] if arguments.quick else WAYS
        for peer in arguments.names or settings.PEERS:
            report["peers"][peer] = measure(zoo, torch, peer, ways, rounds)
            show(peer, report["peers"][peer])
    report["load_average_after"] = os.getloadavg()
    if not arguments.quick:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
