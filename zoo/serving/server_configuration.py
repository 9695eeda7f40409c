"""What `tensorflow_model_server` reads: which models it serves, how it batches, how it is started.

Nothing here needs TensorFlow. Text protos are written by hand, with comments and in the order of
their explanation, and read by `google.protobuf.text_format`.
"""

import dataclasses
import json
import os
import pathlib

from zoo.errors import SettingError

__all__ = [
    "BATCHING_FILE",
    "MODELS_FILE",
    "MODEL_BATCHING_FILE",
    "MONITORING_FILE",
    "MONITORING_PATH",
    "SMALLEST_BATCH",
    "Batching",
    "Endpoints",
    "ServedModel",
    "batch_sizes",
    "batching_config",
    "models_config",
    "monitoring_config",
    "read_models_config",
    "server_arguments",
    "server_path",
]

MODELS_FILE = "models.config"
BATCHING_FILE = "batching.config"
MONITORING_FILE = "monitoring.config"
MODEL_BATCHING_FILE = "batching_params.pbtxt"  # In a version's folder, for that model alone.
MONITORING_PATH = "/monitoring/prometheus/metrics"

# Of the largest batch: every export warms up with two rows, and a server does not load a version
# whose warm-up has more rows than a batch may have.
SMALLEST_BATCH = 2
_RELOAD_SECONDS = 30
# By default a minute, five times: a damaged model would be reported after five minutes.
_RETRY_MICROS = 2_000_000


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model that a server is to load.

    Attributes:
        name: What requests call it; without `/` and `:`.
        base_path: Absolute path of the folder that holds the versions.
        versions: Those to load, a tuple of ints. Empty: whichever is the newest, so that a new
            version takes over as soon as it is there.
        labels: Version label to version, a dict; each version must be among `versions`.

    Raises:
        ValueError: `base_path` is not absolute, or a label names a version that is not loaded: a
            server would refuse the whole file, with all other models.
    """

    name: str
    base_path: str
    versions: tuple = ()
    labels: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not os.path.isabs(self.base_path) and "://" not in self.base_path:
            raise SettingError("base_path", "an absolute path", self.base_path)
        for label, version in self.labels.items():
            if version not in self.versions:
                expected = f"labels of versions that are loaded, {list(self.versions)}"
                raise SettingError("labels", expected, {label: version})


@dataclasses.dataclass(frozen=True)
class Batching:
    """How the server groups rows of several requests, for one model or for all alike.

    Attributes:
        max_batch_size: Rows of the largest batch, and of the largest request; a power of two,
            2 at least.
        timeout_micros: How long the first request of a batch waits for others, in microseconds.
        num_threads: Number of batches that run at the same time, of all models together.
        per_model: Whether each model has its own file, so that of this only the threads count.

    Example:
        >>> batching = zoo.serving.Batching(max_batch_size=128, timeout_micros=500)
        >>> zoo.serving.publish(model, "models/my_model", batching=batching)
    """

    max_batch_size: int = 64
    timeout_micros: int = 1000
    num_threads: int = 2
    per_model: bool = False

    @property
    def num_requests(self):
        """How many requests of one protocol, gRPC or REST, the server holds at a time.

        Each request holds a thread until its batch is done: with fewer threads than rows, requests
        of one row could never fill a batch, and others would be refused (RESOURCE_EXHAUSTED).
        """
        return 2 * self.max_batch_size


@dataclasses.dataclass(frozen=True)
class Endpoints:
    """Where a server answers, and for how long it tries to.

    Attributes:
        grpc_port: Port for gRPC.
        rest_port: Port for REST and for the metrics.
        rest_seconds: After so long the server gives up a request by REST, whatever its client's
            deadline is. By default as long as `zoo.serving.Client` waits. gRPC has the client's.
    """

    grpc_port: int = 8500
    rest_port: int = 8501
    rest_seconds: float = 60.0


def batch_sizes(largest):
    """Returns powers of two up to `largest`, itself one: the sizes that batches are padded to."""
    return [1 << power for power in range(largest.bit_length())]


def models_config(models, header=""):
    """Writes a `ModelServerConfig`: the models, their versions and labels.

    Args:
        models: `ServedModel`s.
        header: Lines of comment.

    Returns:
        A text proto.

    Example:
        >>> print(models_config([ServedModel("digits", "/models/digits", (1, 2), {"stable": 1})]))
    """
    return _comment(header) + _block("model_config_list", [_model(model) for model in models])


def server_path(path):
    """Returns an absolute path as the server has it: in a container, `C:` of Windows is /c."""
    windows = pathlib.PureWindowsPath(path)
    if len(windows.drive) != 2:  # A drive's letter and a colon.
        return path
    return f"/{windows.drive[0].lower()}{windows.as_posix()[2:]}"


def _model(model):
    fields = [
        f"name: {_quote(model.name)}",
        f"base_path: {_quote(server_path(model.base_path))}",
        'model_platform: "tensorflow"',
    ]
    if model.versions:
        specific = " ".join(f"versions: {version}" for version in model.versions)
        fields.append(f"model_version_policy {{ specific {{ {specific} }} }}")
    else:
        fields.append("model_version_policy { latest { num_versions: 1 } }")
    fields += [
        f"version_labels {{ key: {_quote(label)} value: {version} }}"
        for label, version in model.labels.items()
    ]
    return _block("config", fields)


def read_models_config(text):
    """Reads what `models_config` writes, also after someone has edited it.

    Args:
        text: A text proto, a `ModelServerConfig`.

    Returns:
        A list of `ServedModel`.

    Raises:
        ValueError: It is none, or has fields that `models_config` does not write.
    """
    from google.protobuf import text_format

    from zoo.serving.messages import message_class

    try:
        parsed = text_format.Parse(text, message_class("ModelServerConfig")())
    except text_format.ParseError as error:
        raise ValueError(f"This is no {MODELS_FILE} of `vae-zoo serve`: {error}") from error
    return [
        ServedModel(
            config.name,
            config.base_path,
            tuple(config.model_version_policy.specific.versions),
            dict(config.version_labels),
        )
        for config in parsed.model_config_list.config
    ]


def batching_config(batching, header=""):
    """Writes `BatchingParameters`.

    Variable-length inputs are not padded (`pad_variable_length_inputs`): this would change
    results. So requests of one batch must agree in all sizes but the number of rows, as those of
    the zoo's signatures do.

    Args:
        batching: A `Batching`.
        header: Lines of comment, such as what was measured.

    Returns:
        A text proto.

    Raises:
        ValueError: `max_batch_size` is not a power of two, or below 2.
    """
    largest = batching.max_batch_size
    sizes = batch_sizes(largest)
    if sizes[-1:] != [largest] or largest < SMALLEST_BATCH:
        raise SettingError("max_batch_size", f"a power of two, {SMALLEST_BATCH} at least", largest)
    # Each of the waiting requests may be a full batch. Beyond this queue requests are refused
    # (UNAVAILABLE).
    lines = [
        f"max_batch_size {{ value: {largest} }}",
        f"batch_timeout_micros {{ value: {batching.timeout_micros} }}",
        f"max_enqueued_batches {{ value: {batching.num_requests} }}",
        f"num_batch_threads {{ value: {batching.num_threads} }}",
        *(f"allowed_batch_sizes: {size}" for size in sizes),
    ]
    return _comment(header) + "\n".join(lines) + "\n"


def monitoring_config(header=""):
    """Writes a `MonitoringConfig`: metrics for Prometheus, on the REST port."""
    fields = ["enable: true", f"path: {_quote(MONITORING_PATH)}"]
    return _comment(header) + _block("prometheus_config", fields)


def server_arguments(folder, batching, endpoints=Endpoints()):
    """Returns the arguments of `tensorflow_model_server` for a folder with the files above.

    Args:
        folder: Path of the folder as the server sees it.
        batching: The `Batching` that `batching.config` was written from.
        endpoints: The `Endpoints`.

    Returns:
        A list of strings.
    """
    return [
        f"--port={endpoints.grpc_port}",
        f"--rest_api_port={endpoints.rest_port}",
        f"--rest_api_timeout_in_ms={round(1000 * endpoints.rest_seconds)}",
        "--enable_grpc_healthcheck_service=true",
        f"--model_config_file={folder}/{MODELS_FILE}",
        f"--model_config_file_poll_wait_seconds={_RELOAD_SECONDS}",
        # At the start no version is loaded yet. Later, too, a label that is new may be given to a
        # version that is not loaded; one that moves may not.
        "--allow_version_labels_for_unavailable_models=true",
        f"--load_retry_interval_micros={_RETRY_MICROS}",
        "--enable_batching=true",
        *(["--enable_per_model_batching_parameters=true"] if batching.per_model else []),
        f"--batching_parameters_file={folder}/{BATCHING_FILE}",
        f"--monitoring_config_file={folder}/{MONITORING_FILE}",
        f"--grpc_max_threads={batching.num_requests}",
        f"--rest_api_num_threads={batching.num_requests}",
    ]


def _comment(text):
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def _block(name, fields):
    inner = "\n".join(f"  {line}" for field in fields for line in field.splitlines())
    return f"{name} {{\n{inner}\n}}\n"


def _quote(text):
    # JSON's escapes are among those of text protos.
    return json.dumps(text, ensure_ascii=False)
