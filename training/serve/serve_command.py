"""What `vae-zoo serve` does: writes a server's configuration, and starts the server."""

import os
import shlex
import subprocess

from training.errors import UserError
from training.serve import installation, model_server
from training.serve.example_calls import example_calls
from training.serve.served_models import find_models, version_folders
from training.serve.server_folder import size_batches, write_folder
from zoo.serving.server_configuration import server_arguments
from zoo.serving.server_containers import Machine, docker_run, image

__all__ = ["serve"]

_LOG = "server.log"


def serve(arguments):
    """Writes a folder for TensorFlow Serving and starts it: `vae-zoo serve`."""
    models = find_models(arguments.models, arguments.label)
    machine = Machine(_num_cpus(), arguments.gpu)
    binary = None
    if not arguments.write_only:
        model_server.check_ports(grpc_port=arguments.grpc_port, rest_port=arguments.rest_port)
        binary = _binary(machine)
    batching = _write(arguments, models, machine)
    direct, by_docker = _commands(arguments, models, machine, batching)
    if arguments.write_only:
        print(f"To start a server with them:\n{_show(direct, by_docker)}")
    elif binary:
        _run(arguments, models, [binary, *direct[1:]])
    elif model_server.has_docker_engine():
        _fetch(image(machine))
        _run(arguments, models, by_docker, _container(arguments))
    else:
        print(f"{installation.advice(machine)}\n\nWhat would be run:\n{_show(direct, by_docker)}")
        raise UserError(
            f"Nothing was started: there is no {model_server.BINARY} and no running Docker. Above "
            f"is what to install and what would be run; {arguments.directory} is complete."
        )


def _num_cpus():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _write(arguments, models, machine):
    """Writes the folder; gives the `Batching`."""
    if not machine.has_gpu:
        print("Measuring the models, to size the server's batches ...", flush=True)
    batching, measured = size_batches(models, machine, arguments.max_batch_size)
    ports = (arguments.grpc_port, arguments.rest_port)
    files = write_folder(arguments.directory, models, machine, batching, measured, *ports)
    print(
        f"Wrote {', '.join(files)} into {arguments.directory}. Batches: up to "
        f"{batching.max_batch_size} rows, which wait {batching.timeout_micros / 1000:g} ms."
    )
    return batching


# === The server ===


def _commands(arguments, models, machine, batching):
    """Gives what starts the server: directly, and by Docker."""
    folder = os.path.abspath(arguments.directory)
    ports = (arguments.grpc_port, arguments.rest_port)
    direct = [model_server.BINARY, *server_arguments(folder, batching, *ports)]
    by_docker = docker_run(models, folder, batching, machine, *ports, _container(arguments))
    return direct, by_docker


def _container(arguments):
    return f"vae-zoo-serving-{arguments.grpc_port}"


def _binary(machine):
    # The packaged program knows no GPU: only one that was named is taken to be built for it.
    if machine.has_gpu and model_server.VARIABLE not in os.environ:
        return None
    return model_server.find_binary()


def _fetch(name):
    """Fetches Docker's image, if it is not there, where its progress can be seen."""
    inspect = ["docker", "image", "inspect", name]
    if subprocess.run(inspect, capture_output=True).returncode == 0:
        return
    if subprocess.run(["docker", "pull", name]).returncode != 0:
        raise UserError(f"Docker could not fetch {name}: see its message above.")


def _run(arguments, models, command, container=None):
    """Runs the server until it is to stop."""
    versions = {m.name: [int(folder.name) for folder in version_folders(m)] for m in models}
    log = os.path.join(arguments.directory, _LOG)
    calls = [_calls(arguments, model, versions[model.name]) for model in models]
    try:
        with (
            model_server.stops_as_interrupts(),
            model_server.ModelServer(command, log, container) as server,
        ):
            print(f"Started {command[0]}, which logs to {log}. Loading models ...", flush=True)
            server.wait_until_available(versions, arguments.rest_port)
            print("\n".join([*calls, "\nCtrl-C stops the server."]), flush=True)
            server.wait()
    except KeyboardInterrupt:
        print("\nStopped the server.")


def _calls(arguments, model, versions):
    calls = example_calls(
        model.name,
        version_folders(model)[-1],
        arguments.directory,
        arguments.grpc_port,
        arguments.rest_port,
    )
    numbers = " and ".join(map(str, versions))
    return "\n".join([f"\n{model.name}, version {numbers}, is AVAILABLE. Try", *calls])


def _show(*commands):
    """Gives commands for a shell, broken before their options."""
    texts = [shlex.join(command).replace(" --", " \\\n    --") for command in commands]
    return "\n".join(f"  {text}" for text in texts)
