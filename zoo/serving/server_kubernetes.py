"""A Kubernetes manifest for TensorFlow Serving: configuration, deployment and service."""

import dataclasses
import json

from zoo.serving.server_configuration import (
    BATCHING_FILE,
    MODELS_FILE,
    MONITORING_FILE,
    MONITORING_PATH,
    batching_config,
    models_config,
    monitoring_config,
    server_arguments,
)
from zoo.serving.server_containers import CONTAINER_FOLDER, image

__all__ = ["CLAIM", "kubernetes"]

CLAIM = "vae-zoo-models"
_MODELS_FOLDER = "/models"
_NAME = "vae-zoo-serving"
_MEBIBYTE = 1 << 20
_BASE_MEMORY = 1024  # Of the server and TensorFlow themselves, mebibytes.
# While a version is replaced two are loaded, each as weights, graph and working memory.
_MEMORY_OF_MODEL = 8
_MEMORY_STEP = 256

_TEMPLATE = """\
# Before: copy the folder of each model (its versions 1/, 2/, ...) into the volume {claim}
# as {models_folder}/NAME, then: kubectl apply -f FILE
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  labels: {{app: {name}}}
data:
{files}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8501"
        prometheus.io/path: {monitoring_path}
    spec:
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001}}
      containers:
      - name: serving
        image: {image}
        command: [tensorflow_model_server]
        args:
{arguments}
        ports:
        - {{name: grpc, containerPort: 8500}}
        - {{name: rest, containerPort: 8501}}
        # The server opens its ports once all models are loaded, so one model speaks for all.
        startupProbe:
          httpGet: {{path: {status_path}, port: rest}}
          periodSeconds: 5
          failureThreshold: 60
        readinessProbe:
          httpGet: {{path: {status_path}, port: rest}}
          periodSeconds: 10
        # Not the models' state: a damaged new version is no reason to end the one that answers.
        livenessProbe:
          tcpSocket: {{port: grpc}}
          periodSeconds: 20
        # The CPUs are those of the machine that wrote this: set what a replica shall have, here
        # and in the last two arguments. The memory is an estimate from the size on disk: watch it.
        resources:
          requests: {{cpu: "{num_cpus}", memory: {memory}Mi}}
          limits: {{cpu: "{num_cpus}", memory: {memory}Mi{gpu}}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}
        volumeMounts:
        - {{name: configuration, mountPath: {folder}, readOnly: true}}
        - {{name: models, mountPath: {models_folder}, readOnly: true}}
        - {{name: tmp, mountPath: /tmp}}
      volumes:
      - name: configuration
        configMap: {{name: {name}}}
      - name: models
        persistentVolumeClaim: {{claimName: {claim}, readOnly: true}}
      - name: tmp
        emptyDir: {{}}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  type: ClusterIP
  selector: {{app: {name}}}
  ports:
  - {{name: grpc, port: 8500, targetPort: grpc}}
  - {{name: rest, port: 8501, targetPort: rest}}
"""


def kubernetes(models, batching, machine, bytes_of_models):
    """Writes a manifest: a ConfigMap, a Deployment with one replica, a Service in the cluster.

    The models are expected in the persistent volume claim `vae-zoo-models`, each in a folder of
    its name.

    Args:
        models: `ServedModel`s, of which only the names, versions and labels count.
        batching: A `Batching`.
        machine: A `Machine`: what a replica asks for.
        bytes_of_models: Size of all SavedModels, for an estimate of the memory.

    Returns:
        YAML.
    """
    models = [dataclasses.replace(m, base_path=f"{_MODELS_FOLDER}/{m.name}") for m in models]
    files = {
        MODELS_FILE: models_config(models),
        BATCHING_FILE: batching_config(batching),
        MONITORING_FILE: monitoring_config(),
    }
    arguments = [
        *server_arguments(CONTAINER_FOLDER, batching),
        # TensorFlow would take the node's CPUs for its own.
        f"--tensorflow_intra_op_parallelism={machine.num_cpus}",
        f"--tensorflow_inter_op_parallelism={machine.num_cpus}",
    ]
    return _TEMPLATE.format(
        name=_NAME,
        claim=CLAIM,
        folder=CONTAINER_FOLDER,
        models_folder=_MODELS_FOLDER,
        files="\n".join(_literal(name, text) for name, text in files.items()),
        image=image(machine),
        arguments="\n".join(f"        - {json.dumps(argument)}" for argument in arguments),
        status_path=json.dumps(f"/v1/models/{models[0].name}"),
        monitoring_path=MONITORING_PATH,
        num_cpus=machine.num_cpus,
        memory=_mebibytes(bytes_of_models),
        gpu=", nvidia.com/gpu: 1" if machine.has_gpu else "",
    )


def _literal(name, text):
    """A YAML literal block, which keeps its text as it is."""
    return f"  {name}: |\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _mebibytes(bytes_of_models):
    needed = _BASE_MEMORY + _MEMORY_OF_MODEL * bytes_of_models / _MEBIBYTE
    return int(-(-needed // _MEMORY_STEP) * _MEMORY_STEP)
