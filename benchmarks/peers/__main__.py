"""Times training steps beside the same networks in PyTorch, in one run.

    python -m benchmarks.peers                         # about four minutes on two quiet cores
    python -m benchmarks.peers conv_vae --quick        # one peer, a short look, nothing written
    python -m benchmarks.peers --torch-python PATH     # an interpreter with requirements.txt

Each framework has a process of its own. For each peer (see settings.py) both get the same weights,
images and noise, and must agree in every term of the loss and every gradient; then all variants
take turns in rounds, and the medians over the rounds count. PyTorch's best variant of a precision
counts, eager or compiled. A variant twice as slow as another of its framework leaves the rounds, as
bfloat16 does on a processor that has no such products; float32 stays however fast bfloat16 is.
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
SECONDS_A_TURN = 0.3
NUM_ROUNDS = 9


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
    """Makes the steps that are worth rounds.

    Returns:
        The framework of each variant, the seconds of one step, and those until it was ready.
    """
    frameworks, step, ready = {}, {}, {}
    for names in (
        PRECISIONS,
        *([f"{way} {precision}" for precision in PRECISIONS] for way in ways),
    ):
        framework = zoo if names is PRECISIONS else torch
        for name in names:
            if name.startswith("compiled") and name.replace("compiled", "eager") not in frameworks:
                continue  # A precision that this processor has no products in.
            ready[name] = framework("prepare", peer=peer, variant=name)
            step[name] = framework("run", name=name, num_steps=1)
            frameworks[name] = framework
            _drop_slow(frameworks, step)
    return frameworks, step, ready


def _drop_slow(frameworks, step):
    """Takes out the variants much slower than another of their framework in their precision.

    bfloat16 is also measured by float32, but not float32 by bfloat16.
    """
    for name, framework in list(frameworks.items()):
        rivals = [
            other
            for other, its in frameworks.items()
            if its is framework and (name.endswith("bfloat16") or other.endswith(" float32"))
        ]
        if step[name] > MOST_TIMES_SLOWER * min(
            (step[other] for other in rivals), default=float("inf")
        ):
            del frameworks[name]


def time_rounds(variants, num_rounds, num_steps):
    """Times all variants in every round; returns seconds a step by variant, a list a variant."""
    seconds = {name: [] for name in variants}
    for index in range(num_rounds):
        # Every other round runs backwards, so that no variant always follows the same one.
        for name in variants if index % 2 == 0 else reversed(variants):
            seconds[name].append(variants[name]("run", name=name, num_steps=num_steps))
    return seconds


def measure(zoo, torch, peer, ways, num_rounds):
    """Compares a peer with ours, then times both; returns a dict for JSON."""
    batch_size = settings.of(peer)["batch_size"]
    differences = check(zoo, torch, peer)
    variants, first, ready = prepare(zoo, torch, peer, ways)
    num_steps = max(1, round(SECONDS_A_TURN / min(first[name] for name in variants)))
    seconds = time_rounds(variants, num_rounds, num_steps)
    for framework in (zoo, torch):
        framework("forget")
    return {
        "recipe": settings.PEERS[peer],
        "batch_size": batch_size,
        "differences": differences,
        "seconds_to_prepare": ready,
        "seconds_of_the_second_step": first,
        "steps_a_turn": num_steps,
        "seconds": seconds,
        "compared": compare(seconds, batch_size),
    }


def compare(seconds, batch_size):
    """Returns images a second of both, and their ratio, by precision, where both have one."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    compared = {}
    for precision in PRECISIONS:
        theirs = [name for name in medians if name.endswith(f" {precision}")]
        if precision not in medians or not theirs:
            continue
        best = min(theirs, key=medians.get)
        compared[precision] = {
            "torch_variant": best.split()[0],
            "our_images_per_second": batch_size / medians[precision],
            "their_images_per_second": batch_size / medians[best],
            "times_as_fast": ratio(seconds, best, precision),
        }
    return compared


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
    parser.add_argument("--quick", action="store_true", help="2 rounds, nothing compiled, no JSON")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter with PyTorch")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(settings.PEERS))
    if unknown:
        parser.error(f"NAME must be among {', '.join(settings.PEERS)}. Received: {unknown}")
    ways, num_rounds = (WAYS[:1], 2) if arguments.quick else (WAYS, NUM_ROUNDS)
    with contextlib.ExitStack() as stack:

        def start(side, python):
            program = ("-m", "benchmarks.peers.worker")
            framework = Framework(f"benchmarks.peers.{side}", python, arguments.threads, program)
            return stack.enter_context(contextlib.closing(framework))

        zoo = start("zoo_side", sys.executable)
        torch = start("torch_side", arguments.torch_python)
        made_with = {
            "commit": provenance.commit(),
            "machine": provenance.machine(),
            "threads": arguments.threads,
            "versions": zoo("versions") | torch("versions"),
        }
        for peer in arguments.names or settings.PEERS:
            load = {"load_average_before": os.getloadavg()}
            result = made_with | load | measure(zoo, torch, peer, ways, num_rounds)
            show(peer, result)
            if not arguments.quick:
                write(peer, result)


def write(peer, result):
    """Writes what was measured of a peer to the JSON, beside what is there of others."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(results | {peer: result}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
