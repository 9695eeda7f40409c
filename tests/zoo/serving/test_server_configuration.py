"""The texts that a server reads are parsed by the protos that they claim to be."""

import csv
import inspect

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

import zoo
from zoo.serving import batch_measurement, warmup
from zoo.serving.server_configuration import (
    Batching,
    Endpoints,
    ServedModel,
    batching_config,
    models_config,
    monitoring_config,
    read_models_config,
    server_arguments,
)
from zoo.serving.server_containers import Machine, docker_run

MODELS = [
    ServedModel("digits", "/models/all: $HOME, digits"),
    ServedModel("faces", '/models/"faces"\\ü', (2, 10), {"stable": 2, "canary": 10}),
]
PATHS = [model.base_path for model in MODELS]
BATCHING = Batching(16, 1300, 4)
TYPES = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}


def _message(name, **fields):
    """Declares a message that `tensorflow-serving-api` leaves out, as its .proto file does.

    A field is its number and its type, a list of one type where it is repeated.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name=name)
    for field_name, (number, kind) in fields.items():
        field = message.field.add(name=field_name, number=number, label=1)
        if isinstance(kind, list):
            (kind,), field.label = kind, 3
        if kind in TYPES:
            field.type = TYPES[kind]
        else:
            field.type, field.type_name = 11, f".google.protobuf.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()


def _parse_models(text):
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return parsed.model_config_list.config


# === Text protos ===


def test_models_config_is_a_model_server_config():
    digits, faces = _parse_models(models_config(MODELS, "Two lines\nof comment."))
    assert (digits.name, digits.base_path) == ("digits", "/models/all: $HOME, digits")
    assert digits.model_platform == "tensorflow"
    assert digits.model_version_policy.latest.num_versions == 1
    assert not digits.version_labels
    assert faces.base_path == '/models/"faces"\\ü'
    assert list(faces.model_version_policy.specific.versions) == [2, 10]
    assert dict(faces.version_labels) == {"stable": 2, "canary": 10}


def test_models_config_is_read_again():
    text = models_config(MODELS, "A comment.")
    assert read_models_config(text) == MODELS
    assert read_models_config(text.replace("value: 2 }", "value: 10 }"))[1].labels["stable"] == 10
    with pytest.raises(ValueError, match=r"no models\.config of `vae-zoo serve`"):
        read_models_config("model_config_list { config { nome: 'x' } }")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (("m", "models/m"), "base_path must be an absolute path"),
        (
            ("m", "/m", (), {"stable": 1}),
            r"labels must be labels of versions that are loaded, \[\]",
        ),
        (("m", "/m", (2,), {"stable": 1}), r"that are loaded, \[2\]. Received: .*stable"),
    ],
)
def test_what_makes_a_server_refuse_the_whole_file_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        ServedModel(*model)


def test_batching_config_is_batching_parameters():
    text = batching_config(BATCHING, "measured: {1: 2}\n\nand more")
    # Fields and numbers of servables/tensorflow/session_bundle_config.proto.
    parsed = text_format.Parse(
        text,
        _message(
            "BatchingParameters",
            max_batch_size=(1, "Int64Value"),
            batch_timeout_micros=(2, "Int64Value"),
            max_enqueued_batches=(3, "Int64Value"),
            num_batch_threads=(4, "Int64Value"),
            allowed_batch_sizes=(6, ["int64"]),
            pad_variable_length_inputs=(7, "bool"),
        ),
    )
    assert parsed.max_batch_size.value == 16
    assert parsed.batch_timeout_micros.value == 1300
    assert parsed.num_batch_threads.value == 4
    assert parsed.max_enqueued_batches.value == 32, "each waiting request may be a full batch"
    assert list(parsed.allowed_batch_sizes) == [1, 2, 4, 8, 16], "ascending, the last the largest"
    assert not parsed.pad_variable_length_inputs


@pytest.mark.parametrize("size", [0, 1, 12, -4])
def test_other_batch_sizes_than_powers_of_two_are_refused(size):
    with pytest.raises(
        ValueError, match=f"must be a power of two, 2 at least. Received: max_batch_size={size}"
    ):
        batching_config(Batching(max_batch_size=size))


def test_monitoring_config_turns_prometheus_on():
    lines = monitoring_config("comment").splitlines()
    assert lines[:2] == ["# comment", "prometheus_config {"]
    # Fields and numbers of config/monitoring_config.proto.
    inner = _message("PrometheusConfig", enable=(1, "bool"), path=(2, "string"))
    parsed = text_format.Parse("\n".join(lines[2:-1]), inner)
    assert (parsed.enable, parsed.path) == (True, "/monitoring/prometheus/metrics")


def test_requests_of_one_row_can_fill_two_batches():
    arguments = dict(
        each[2:].split("=") for each in server_arguments("/serving", BATCHING, Endpoints(1, 2, 7.5))
    )
    assert int(arguments["grpc_max_threads"]) == int(arguments["rest_api_num_threads"]) == 32
    assert (arguments["port"], arguments["rest_api_port"]) == ("1", "2")
    assert arguments["rest_api_timeout_in_ms"] == "7500"
    assert arguments["enable_grpc_healthcheck_service"] == "true"


def test_rest_has_as_long_as_the_client_waits():
    default = inspect.signature(zoo.serving.Client).parameters["deadline"].default
    assert f"--rest_api_timeout_in_ms={round(1000 * default)}" in server_arguments("/s", BATCHING)


# === Containers ===


def test_docker_mounts_what_the_configuration_names():
    command = docker_run(MODELS, "/here/serving", BATCHING, Machine(4), Endpoints(9500, 9501), "me")
    mounts = [each.split("=", 1)[1] for each in command if each.startswith("--mount")]
    # Docker reads each as a line of CSV.
    assert list(csv.reader(mounts)) == [
        ["type=bind", f"source={source}", f"target={target}", "readonly"]
        for source, target in [("/here/serving", "/serving"), *((p, p) for p in PATHS)]
    ]
    published = [each for each in command if each.startswith("--publish")]
    assert published == ["--publish=127.0.0.1:9500:8500", "--publish=127.0.0.1:9501:8501"]
    image = command.index("tensorflow/serving:2.21.0")
    assert command[image + 1 :] == server_arguments("/serving", BATCHING)
    assert "--gpus=all" not in command


# === Sizing the batches ===


def test_the_smallest_batch_that_is_fast_enough_is_chosen():
    seconds = {1: 0.004, 2: 0.005, 4: 0.006, 8: 0.010, 16: 0.019, 32: 0.038}
    chosen = batch_measurement.choose_batching([seconds], num_threads=3)
    assert chosen == Batching(max_batch_size=8, timeout_micros=1000, num_threads=3)


def test_several_models_share_the_batching():
    slow = {1: 2.0, 2: 4.0}  # Gains nothing from batches.
    fast = {1: 0.0001, 2: 0.0001, 4: 0.0001}
    chosen = batch_measurement.choose_batching([slow, fast], num_threads=1)
    assert chosen == Batching(max_batch_size=4, timeout_micros=100, num_threads=1)
    assert batch_measurement.choose_batching([slow], 1) == Batching(2, 10_000, 1)


def test_a_model_is_measured_with_its_own_request(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32, "seed")], autograph=False)
    def signature(seed):
        # As the signatures of the zoo, it would not take what is no seed.
        with tf.control_dependencies([tf.debugging.assert_equal(seed, [[7, 8]])]):
            return {"seed": tf.identity(seed)}

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    rows = np.array([[7, 8], [1, 2]], np.int32)
    warmup.write([("serving_default", {"seed": rows})], str(tmp_path))
    seconds = batch_measurement.measure_batches(tmp_path, largest=4, seconds_each=0.0)
    assert list(seconds) == [1, 2, 4]
    assert all(0.0 < each < 60.0 for each in seconds.values())
