"""Where the time of each architecture's training step goes, by TensorFlow's profiler.

    python -m benchmarks.step_profile            # about two minutes on two quiet cores
    python -m benchmarks.step_profile --quick    # MNIST only, nothing written

Models, objectives and batches are those of `architectures.py`. An operation's time is that of its
kernel; kernels that run beside each other on two cores both count, so what is told is the share of
each kind in the sum over all kernels. The last column is that sum over the time that passed: up to
the number of kernels that run at a time, and below 1 where the step waits for its own bookkeeping.
"""

import argparse
import collections
import json
import os
import pathlib
import tempfile
import time

import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.architectures import RECIPES, Step
from training.runs import provenance

HERE = pathlib.Path(__file__).parent
NUM_STEPS = 5
# Kinds by the beginning of an operation's name, without what oneDNN puts before it; the first that
# fits counts.
KINDS = {
    "products": "Conv2D FusedConv2D DepthwiseConv MatMul FusedMatMul BatchMatMul Einsum",
    "layout": """
        Transpose Reshape Concat Split Slice StridedSlice Pad Pack Unpack Tile Gather Mirror
        ExpandDims Squeeze Reverse Roll ToTf Broadcast Fill ZerosLike
    """,
    "checks": "Assert All IsFinite IsNan LogicalAnd LogicalNot",
    "gates and activations": """
        Relu LeakyRelu Elu Selu Sigmoid Tanh Softplus Swish BiasAdd Exp Log Softmax
    """,
    "noise": "StatelessRandom Bitcast BitwiseXor LeftShift RightShift Erfinv Cos Sin",
    "optimiser": "ResourceApply AssignAdd AssignSub AssignVariable",
    "input": "Iterator MakeIterator",
    "arithmetic": "",
}
# Operations that only run others.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "If", "While", "StatelessIf", "_If")


def kind_of(operation):
    """Returns the kind of an operation, by its type."""
    name = operation.removeprefix("_MklNative").removeprefix("_Mkl").removeprefix("_")
    fits = (k for k, prefixes in KINDS.items() if name.startswith(tuple(prefixes.split())))
    return next(fits, "arithmetic")


def profile(step):
    """Profiles a step; returns the seconds of each operation's kernels and those that passed."""
    step.seconds(2)
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2, python_tracer_level=0)
    with tempfile.TemporaryDirectory() as directory:
        with tf.profiler.experimental.Profile(directory, options):
            start = time.perf_counter()
            step.seconds(NUM_STEPS)
            passed = time.perf_counter() - start
        (path,) = pathlib.Path(directory).rglob("*.xplane.pb")
        return _seconds_by_operation(path), passed / NUM_STEPS


def _seconds_by_operation(path):
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    seconds = collections.Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            label = plane.event_metadata[event.metadata_id].name
            operation = label.partition("::#")[0].rpartition(":")[2]
            if operation not in _CALLS and _is_operation(operation):
                seconds[operation] += event.duration_ps * 1e-12 / NUM_STEPS
    return dict(seconds.most_common())


def _is_operation(name):
    return name.startswith("_Mkl") or op_def_registry.get(name) is not None


def shares(seconds):
    """Returns the share of each kind in the sum over all operations."""
    sums = dict.fromkeys(KINDS, 0.0)
    for operation, value in seconds.items():
        sums[kind_of(operation)] += value
    total = sum(seconds.values())
    return {kind: value / total for kind, value in sums.items()}


def table(recipes):
    """Returns the shares in Markdown."""
    lines = [
        f"| recipe | {' | '.join(KINDS)} | kernels over time passed |",
        "|---|" + "--:|" * (len(KINDS) + 1),
    ]
    for name, row in recipes.items():
        cells = [f"{share:.0%}" for share in row["shares"].values()]
        kernels = sum(row["seconds_by_operation"].values()) / row["seconds_passed"]
        lines.append(f"| {name} | {' | '.join(cells)} | {kernels:.2f} |")
    return "\n".join(lines)


def main():
    """Runs the benchmark, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="MNIST, nothing written")
    quick = parser.parse_args().quick
    report = {"commit": provenance.commit(), "machine": provenance.machine()}
    report |= {"load_average_before": os.getloadavg(), "recipes": {}}
    for image_shape, names in list(RECIPES.values())[: 1 if quick else None]:
        for name in names:
            print(f"{name}: profiling", flush=True)
            seconds, passed = profile(Step(name, image_shape))
            report["recipes"][name] = {
                "shares": shares(seconds),
                "seconds_passed": passed,
                "seconds_by_operation": seconds,
            }
    report["load_average_after"] = os.getloadavg()
    print(table(report["recipes"]))
    if not quick:
        path = HERE / "results" / "step_profile.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
