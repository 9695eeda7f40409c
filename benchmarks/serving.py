"""Times a served model: the server, the bare graph beside it, and what the client adds.

    python benchmarks/serving.py                # about five minutes on two quiet cores
    python benchmarks/serving.py --quick        # a look at whether it runs, nothing written
    TENSORFLOW_MODEL_SERVER=/usr/bin/tensorflow_model_server python benchmarks/serving.py

Without that variable the server is the test double (`tests/zoo/serving/double`), which is Python
and not TensorFlow Serving: its requests a second say nothing about a real server's. The client's
overhead is that of `Client.reconstruct` over the same call written by hand with
`tensorflow-serving-api`, taken in turns in one run; quartiles show the noise. The bare graph is the
SavedModel in a graph-mode session of this process.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # The servers to start live with the tests.

import grpc  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: E402

import zoo  # noqa: E402
from tests.zoo.serving.double.process import start_double  # noqa: E402
from tests.zoo.serving.real_server import start_real_server  # noqa: E402
from zoo import serving  # noqa: E402
from zoo.serving.check import open_session  # noqa: E402
from zoo.serving.client import tensor_messages  # noqa: E402
from zoo.serving.messages import message_class  # noqa: E402

IMAGE_SHAPE = (32, 32, 3)
BATCH_SIZE = 64
CLIENTS = (1, 8, 64)
VARIABLE = "TENSORFLOW_MODEL_SERVER"


def export_model(path):
    """Exports a small model of colour images: large messages, little to compute."""
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(IMAGE_SHAPE, latent_dim=32, filters=(16, 32), hidden_units=64)
    model.export(path, log_prob_samples=1)


@contextlib.contextmanager
def start_server(path, folder):
    """Starts the server that is there; yields it and its name."""
    if os.environ.get(VARIABLE):
        with start_real_server({"vae": path}, pathlib.Path(folder), BATCH_SIZE) as server:
            yield server, "tensorflow_model_server with --enable_batching"
    else:
        with start_double({"vae": path}, BATCH_SIZE) as server:
            yield server, "the test double, not TensorFlow Serving"


def summary(seconds):
    """Returns quartiles and the 99th percentile in milliseconds."""
    low, median, high = np.percentile(seconds, [25, 50, 75]) * 1e3
    return {
        "quartiles_ms": [round(float(value), 3) for value in (low, median, high)],
        "p99_ms": round(float(np.percentile(seconds, 99) * 1e3), 3),
        "number": len(seconds),
    }


def time_calls(call, seconds):
    """Calls again and again for so long; returns the seconds of each call."""
    taken = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        call()
        taken.append(time.perf_counter() - start)
    return taken


def measure_graph(path, seconds):
    """Times the bare graph, one row and a full batch at a time."""
    results = {}
    with open_session(path) as answer:
        for num_rows in (1, BATCH_SIZE):
            inputs = {"image": np.zeros([num_rows, *IMAGE_SHAPE], np.float32)}
            answer("reconstruct", inputs)
            taken = time_calls(lambda inputs=inputs: answer("reconstruct", inputs), seconds)
            rows_per_second = round(num_rows * len(taken) / sum(taken), 1)
            results[f"{num_rows} rows"] = {"rows_per_second": rows_per_second} | summary(taken)
    return results


def measure_load(address, num_clients, seconds):
    """Times requests of one row by concurrent clients, each with a connection of its own."""
    image = np.zeros([1, *IMAGE_SHAPE], np.float32)

    def work(_):
        with serving.Client(address, "vae", max_retries=100) as client:
            client.reconstruct(image)
            return time_calls(lambda: client.reconstruct(image), seconds)

    with concurrent.futures.ThreadPoolExecutor(num_clients) as pool:
        taken = [one for client in pool.map(work, range(num_clients)) for one in client]
    return {"requests_per_second": round(len(taken) / seconds, 1)} | summary(taken)


def call_by_hand(stub, images):
    """What one writes without the zoo's client, with the real protos."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "vae"
    request.model_spec.signature_name = "reconstruct"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
    response = stub.Predict(request, timeout=60)
    return tf.make_ndarray(response.outputs["reconstruction"])


def measure_overhead(address, num_rounds):
    """Times the client and the call by hand in turns, at a full batch."""
    images = np.random.default_rng(0).random((BATCH_SIZE, *IMAGE_SHAPE), np.float32)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with (
        serving.Client(address, "vae") as client,
        grpc.insecure_channel(address, options=options) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        calls = {
            "client": lambda: client.reconstruct(images),
            "by hand": lambda: call_by_hand(stub, images),
        }
        taken = {name: [] for name in calls}
        for number in range(num_rounds + 3):
            # The one that goes first changes, so that neither always follows the other.
            for name in sorted(calls, reverse=number % 2 == 1):
                start = time.perf_counter()
                calls[name]()
                taken[name].append(time.perf_counter() - start)
    taken = {name: seconds[3:] for name, seconds in taken.items()}
    ratios = [a / b for a, b in zip(taken["client"], taken["by hand"], strict=True)]
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {name: summary(seconds) for name, seconds in taken.items()} | {
        "ratio_of_medians": round(medians["client"] / medians["by hand"], 4),
        "quartiles_of_ratios": [round(float(q), 4) for q in np.percentile(ratios, [25, 50, 75])],
    }


def measure_messages(num_rounds):
    """Times what each side does with the messages of a full batch, without a server.

    A real server answers with `float_val`, which is read here both ways; medians in milliseconds.
    """
    images = np.random.default_rng(0).random((BATCH_SIZE, *IMAGE_SHAPE), np.float32)
    theirs = predict_pb2.PredictResponse()
    theirs.outputs["image"].CopyFrom(tf.make_tensor_proto(images))
    theirs.outputs["image"].ClearField("tensor_content")
    theirs.outputs["image"].float_val.extend(images.ravel())
    answer = theirs.SerializeToString()

    def by_client():
        request = message_class("PredictRequest")()
        tensor_messages.fill(request.inputs["image"], images)
        request.SerializeToString()
        return tensor_messages.read(
            message_class("PredictResponse").FromString(answer).outputs["image"]
        )

    def by_hand():
        request = predict_pb2.PredictRequest()
        request.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
        request.SerializeToString()
        return tf.make_ndarray(predict_pb2.PredictResponse.FromString(answer).outputs["image"])

    np.testing.assert_array_equal(by_client(), by_hand())
    calls = {"client": by_client, "by hand": by_hand}
    taken = {name: [] for name in calls}
    for _ in range(num_rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: round(1e3 * statistics.median(t), 3) for name, t in taken.items()}


def measure_imports(num_rounds):
    """Times imports in fresh interpreters, in turns; seconds of each."""
    codes = {
        "zoo.serving.Client": "import zoo.serving; zoo.serving.Client('localhost:1', 'm').close()",
        "tensorflow": "import tensorflow",
    }
    taken = {name: [] for name in codes}
    for _ in range(num_rounds):
        for name, code in codes.items():
            timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
            done = subprocess.run(
                [sys.executable, "-c", timed], capture_output=True, text=True, check=True
            )
            taken[name].append(float(done.stdout.split()[-1]))
    return {name: round(statistics.median(seconds), 3) for name, seconds in taken.items()}


def main():
    """Runs the benchmark, prints the results and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short, nothing written")
    quick = parser.parse_args().quick
    seconds = 1.0 if quick else 15.0
    results = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    results["import_seconds"] = measure_imports(2 if quick else 9)
    results["messages_of_64_rows_ms"] = measure_messages(30 if quick else 400)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vae", "1")
        export_model(path)
        with start_server(path, folder) as (server, name):
            results["server"] = name
            address = server.grpc_address
            with serving.Client(address, "vae") as client:
                client.wait_until_available(120)
            results["overhead_at_64_rows"] = measure_overhead(address, 30 if quick else 400)
            results["graph"] = measure_graph(path, seconds)
            results["load_of_single_rows"] = {
                f"{num} clients": measure_load(address, num, seconds) for num in CLIENTS
            }
    print(json.dumps(results, indent=1))
    if not quick:
        target = HERE / "results" / "serving.json"
        target.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"written to {target}")


if __name__ == "__main__":
    main()
