"""The files of docs/serving, filled in, run the server that `vae-zoo serve` runs."""

import pathlib
import re
import string

import pytest
import yaml

from zoo.serving.server_configuration import (
    BATCHING_FILE,
    MODELS_FILE,
    MONITORING_FILE,
    MONITORING_PATH,
    Batching,
    Endpoints,
    ServedModel,
    server_arguments,
)
from zoo.serving.server_containers import CONTAINER_FOLDER, Machine, docker_run, image

DOCS = pathlib.Path(__file__).parents[3] / "docs"
BATCHING = Batching(16, 1300, 4)
VALUES = {
    "MODELS_CLAIM": "my-claim",
    "MODELS_FOLDER": "/home/me/models",
    "MODEL": "digits",
    "NUM_REQUESTS": str(BATCHING.num_requests),
    "CPUS": "4",
    "MEMORY": "1536Mi",
}


def _read(name):
    return (DOCS / "serving" / name).read_text(encoding="utf-8")


# === Docker Compose ===


def _compose(text, **environment):
    """Reads the service as Compose does, which puts the environment's values in."""

    def value(match):
        name, sign, default = match.groups()
        assert sign != ":?" or name in environment, f"{name} {default}"
        assert sign or name in environment, f"{name} is neither told nor has a default"
        return environment.get(name, default)

    filled = re.sub(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)
    return yaml.safe_load(filled)["services"]["serving"]


@pytest.fixture
def command():
    """What `vae-zoo serve` runs for a model in the folder of the models."""
    models = [ServedModel("digits", VALUES["MODELS_FOLDER"])]
    return docker_run(models, "/here/serving", BATCHING, Machine(4), Endpoints(9500, 9501), "me")


def _mounted(mount):
    return (mount["type"], mount["target"], mount["read_only"])


def test_compose_runs_what_docker_is_told_to_run(command):
    service = _compose(
        _read("docker-compose.yml"),
        MODELS_FOLDER="/home/me/models",
        SERVER_USER="1000:100",
        NUM_REQUESTS=VALUES["NUM_REQUESTS"],
        GRPC_PORT="9500",
        REST_PORT="9501",
    )
    assert [service["image"], *service["command"]] == command[command.index(service["image"]) :]
    assert [f"--entrypoint={program}" for program in service["entrypoint"]] == [
        option for option in command if option.startswith("--entrypoint")
    ]
    assert [f"--publish={port}" for port in service["ports"]] == [
        option for option in command if option.startswith("--publish")
    ]
    # Here the files lie beside the configuration.
    configuration, models = service["volumes"]
    assert configuration.pop("source") == "."
    assert models.pop("source") == "/home/me/models"
    mounts = {"type": "bind", "read_only": True}
    assert configuration == {**mounts, "target": CONTAINER_FOLDER}
    assert models == {**mounts, "target": "/home/me/models"}
    assert service["user"] == "1000:100"
    assert service["init"] is True
    assert service["read_only"] is True
    assert "deploy" not in service


def test_compose_has_the_default_ports_and_batches():
    service = _compose(_read("docker-compose.yml"), MODELS_FOLDER="/models", SERVER_USER="1:1")
    assert service["command"] == server_arguments(CONTAINER_FOLDER, Batching())
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]


@pytest.mark.parametrize("missing", ["MODELS_FOLDER", "SERVER_USER"])
def test_compose_says_what_it_was_not_told(missing):
    told = {"MODELS_FOLDER": "/models", "SERVER_USER": "1:1"}
    del told[missing]
    with pytest.raises(AssertionError, match=f"{missing} must be"):
        _compose(_read("docker-compose.yml"), **told)


def test_compose_asks_for_a_gpu_by_lines_that_are_prepared():
    text = re.sub(r"^    # ((?:deploy:|  ).*)", r"    \1", _read("docker-compose.yml"), flags=re.M)
    text = text.replace("tensorflow/serving:2.21.0", "tensorflow/serving:2.21.0-gpu")
    service = _compose(text, MODELS_FOLDER="/models", SERVER_USER="1:1")
    assert service["image"] == image(Machine(4, has_gpu=True))
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


# === Kubernetes ===


@pytest.fixture(params=[False, True], ids=["cpu", "gpu"])
def manifest(request):
    """Whether there is a GPU, the deployment, and the service."""
    text = _read("kubernetes.yaml")
    if request.param:
        text = text.replace("# nvidia.com/gpu", "nvidia.com/gpu")
        text = text.replace("tensorflow/serving:2.21.0", "tensorflow/serving:2.21.0-gpu")
    documents = list(yaml.safe_load_all(string.Template(text).substitute(VALUES)))
    assert [each["kind"] for each in documents] == ["Deployment", "Service"]
    return request.param, *documents


def test_every_name_to_fill_in_is_explained():
    comment, _, rest = _read("kubernetes.yaml").partition("apiVersion")
    names = set(re.findall(r"\$\{(\w+)\}", rest))
    assert names == set(re.findall(r"^#   \$\{(\w+)\} ", comment, re.MULTILINE)) == set(VALUES)


def test_the_container_runs_what_vae_zoo_serve_runs(manifest):
    has_gpu, deployment, _ = manifest
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image(Machine(4, has_gpu))
    assert container["command"] == ["tensorflow_model_server"]
    assert container["args"] == [
        *server_arguments(CONTAINER_FOLDER, BATCHING),
        "--tensorflow_intra_op_parallelism=4",
        "--tensorflow_inter_op_parallelism=4",
    ]
    gpu = {"nvidia.com/gpu": 1} if has_gpu else {}
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "1536Mi"},
        "limits": {"cpu": "4", "memory": "1536Mi"} | gpu,
    }


def test_the_pod_is_found_probed_and_scraped(manifest):
    _, deployment, service = manifest
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    status = {"path": "/v1/models/digits", "port": "rest"}
    assert container["startupProbe"]["httpGet"] == status
    assert container["readinessProbe"]["httpGet"] == status
    assert container["livenessProbe"]["tcpSocket"] == {"port": "grpc"}
    assert pod["metadata"]["annotations"]["prometheus.io/path"] == MONITORING_PATH
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(ports["rest"])
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    assert {each["targetPort"] for each in service["spec"]["ports"]} == set(ports)
    assert service["spec"]["type"] == "ClusterIP"


def test_the_pod_has_no_rights_and_mounts_what_the_server_reads(manifest):
    _, deployment, _ = manifest
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {each["name"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes.keys() == mounts.keys() == {"configuration", "models", "tmp"}
    assert mounts["configuration"]["mountPath"] == CONTAINER_FOLDER
    assert mounts["models"]["mountPath"] == "/home/me/models"
    assert all(mounts[name]["readOnly"] for name in ("configuration", "models"))
    claim = {"claimName": "my-claim", "readOnly": True}
    assert volumes["models"]["persistentVolumeClaim"] == claim
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_guide_makes_the_configuration_that_the_pod_mounts(manifest):
    _, deployment, _ = manifest
    guide = (DOCS / "SERVING.md").read_text(encoding="utf-8")
    (name, files), *others = re.findall(r"kubectl create configmap (\S+)((?: \\\n +\S+)+)", guide)
    assert not others
    volumes = {each["name"]: each for each in deployment["spec"]["template"]["spec"]["volumes"]}
    assert name == volumes["configuration"]["configMap"]["name"]
    made = {pathlib.Path(path).name for path in re.findall(r"--from-file=(\S+)", files)}
    assert made == {MODELS_FILE, BATCHING_FILE, MONITORING_FILE}
    exported = re.search(r"^export (.*)$", guide, re.MULTILINE)[1]
    assert set(re.findall(r"(\w+)=", exported)) == set(VALUES)
