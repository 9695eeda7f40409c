"""How TensorFlow Serving is run in a container: the image, and a `docker run` command.

The models are mounted, read-only, at the paths that they have on this machine, so that one
`models.config` is right for a server inside a container and outside of it. The files for Compose
and Kubernetes in `docs/serving/` do likewise.
"""

import csv
import dataclasses
import io
import os

from zoo.serving.server_configuration import Endpoints, server_arguments, server_path

__all__ = ["CONTAINER_FOLDER", "Machine", "docker_run", "image"]

CONTAINER_FOLDER = "/serving"
_VERSION = "2.21.0"  # The TensorFlow that the zoo exports with.
_INSIDE = Endpoints()


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the server runs on.

    Attributes:
        num_cpus: Number of CPUs it may use.
        has_gpu: Whether it uses one NVIDIA GPU.
    """

    num_cpus: int
    has_gpu: bool = False


def image(machine):
    """Returns the name of the image, without or with CUDA."""
    return f"tensorflow/serving:{_VERSION}{'-gpu' if machine.has_gpu else ''}"


def docker_run(models, folder, batching, machine, endpoints, name):
    """Returns the command that runs the server in a container, removed when it ends.

    The ports are open to this machine only.

    Args:
        models: `ServedModel`s.
        folder: Absolute path of the folder with the server's configuration.
        batching: The `Batching` of `batching.config`.
        machine: A `Machine`.
        endpoints: The `Endpoints`, with ports of this machine.
        name: Name of the container.

    Returns:
        A list of strings.
    """
    inside = dataclasses.replace(
        endpoints, grpc_port=_INSIDE.grpc_port, rest_port=_INSIDE.rest_port
    )
    return [
        *("docker", "run", "--rm", f"--name={name}"),
        # As the first process of a container, the server would ignore the signal to stop.
        "--init",
        *_as_this_user(),
        *(["--gpus=all"] if machine.has_gpu else []),
        f"--publish=127.0.0.1:{endpoints.grpc_port}:{inside.grpc_port}",
        f"--publish=127.0.0.1:{endpoints.rest_port}:{inside.rest_port}",
        *(f"--mount={_mount_option(*mount)}" for mount in _mounts(models, folder)),
        # The image's own entry point insists on serving a single model.
        "--entrypoint=tensorflow_model_server",
        image(machine),
        *server_arguments(CONTAINER_FOLDER, batching, inside),
    ]


def _as_this_user():
    """The files may be readable to their owner alone; Windows has and needs no such numbers."""
    return [f"--user={os.getuid()}:{os.getgid()}"] if hasattr(os, "getuid") else []


def _mount_option(source, target):
    """What `docker run --mount` takes: one line of CSV. In `--volume` a path could hold no `:`."""
    line = io.StringIO()
    fields = ["type=bind", f"source={source}", f"target={target}", "readonly"]
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _mounts(models, folder):
    """Pairs of a path on this machine and one in the container; each model once."""
    paths = dict.fromkeys(model.base_path for model in models)
    return [(folder, CONTAINER_FOLDER), *((path, server_path(path)) for path in paths)]
