"""Fuzzes the test double of TensorFlow Serving while clients send it valid requests.

    python benchmarks/fuzzed_requests.py            # 10,000 requests, some minutes
    python benchmarks/fuzzed_requests.py --quick    # 400, nothing written

The double (`tests/zoo/serving/double`) is not TensorFlow Serving: it runs the exported model in a
graph-mode session and groups requests as `--enable_batching` does. It has a process of its own, so
that a crash is seen as one. Counted are crashes, answers that do not name the fault, and calls of
`zoo.serving.Client` beside the fuzz that fail or come wrong. "valid raw requests" are the same
without a client that repeats what a neighbour's odd request spoilt: what a server that concatenates
requests does to them is no fault of the model's, and this says how much it is.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # The double and the kinds of fuzz live with the tests.

from tests.zoo.serving import fuzzing, test_fuzzed_requests  # noqa: E402
from tests.zoo.serving.conftest import GREY_LOG_PROB_SAMPLES, export_grey  # noqa: E402
from tests.zoo.serving.double.process import start_double  # noqa: E402


def main():
    """Runs the fuzz, prints the counts and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="400 requests, nothing written")
    parser.add_argument("--requests", type=int, default=10_000)
    arguments = parser.parse_args()
    num_requests = 400 if arguments.quick else arguments.requests
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vae", "1")
        model = export_grey(path)
        with start_double({"vae": path}) as double:
            report = fuzzing.run(
                double,
                test_fuzzed_requests.valid_requests(),
                test_fuzzed_requests.expected_answers(model, GREY_LOG_PROB_SAMPLES),
                num_requests,
            )
            report["process still alive"] = double.is_alive
    report = {"server": "the test double, with batching; not TensorFlow Serving"} | report
    print(json.dumps(report, indent=1))
    if not arguments.quick:
        target = HERE / "results" / "fuzzed_requests.json"
        target.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written to {target}")


if __name__ == "__main__":
    main()
