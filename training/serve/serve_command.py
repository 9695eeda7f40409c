"""What `vae-zoo serve` does: writes a server's configuration, and starts the server."""

import os
import shlex
import subprocess
import sys

from training.serve import folder_lock, installation, model_server
from training.serve.example_calls import example_calls
from training.serve.served_models import find_models, version_folders
from training.serve.server_folder import size_batches, write_folder
from zoo.errors import UserError
from zoo.serving.server_configuration import server_arguments
from zoo.serving.server_containers import Machine, docker_run, image

__all__ = ["serve"]

_LOG = "server.log"
_STOPPED = 130  # Exit code of a program that Ctrl-C ended.


def serve(arguments):
    """Writes a folder for TensorFlow Serving and starts it: `vae-zoo serve`.

    Returns:
        An exit code, None if all went well.
    """
    try:
        models = find_models(arguments.models, arguments.label)
        machine = Machine(_num_cpus(), arguments.gpu)
        if arguments.write_only:
            _write_only(arguments, models, machine)
        else:
            _write_and_start(arguments, models, machine)
    except KeyboardInterrupt:  # Before a server was started: later it is the way to end.
        print("\nvae-zoo: stopped.", file=sys.stderr)
        return _STOPPED
    return None


def _write_only(arguments, models, machine):
    batching = _write(arguments, models, machine)
    commands = _commands(arguments, models, machine, batching)
    if folder_lock.is_held(arguments.directory):
        print(
            f"The server that runs from {arguments.directory} takes models.config up within half a "
            "minute, and the other files when it is started again."
        )
    else:
        print(f"To start a server with them:\n{_show(machine, *commands)}")


def _write_and_start(arguments, models, machine):
    model_server.check_ports(grpc_port=arguments.grpc_port, rest_port=arguments.rest_port)
    binary = _binary(machine)
    with folder_lock.hold(arguments.directory) as lock:
        batching = _write(arguments, models, machine)
        direct, by_docker = _commands(arguments, models, machine, batching)
        if binary:
            _run(arguments, models, [binary, *direct[1:]], lock)
        elif model_server.has_docker_engine():
            _fetch(image(machine))
            _run(arguments, models, by_docker, lock, _container(arguments))
        else:
            commands = _show(machine, direct, by_docker)
            print(f"{installation.advice(machine)}\n\nWhat would be run:\n{commands}")
            program = "" if machine.has_gpu else f"no {model_server.BINARY} and "
            raise UserError(
                f"Nothing was started: there is {program}no running Docker. Above is what to "
                f"install and what would be run; {arguments.directory} is complete."
            )


def _num_cpus():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _write(arguments, models, machine):
    """Writes the folder; returns the `Batching`."""
    if not machine.has_gpu:
        print("Measuring the models, to size the server's batches ...", flush=True)
    batching, measured = size_batches(models, machine, arguments.max_batch_size)
    files = write_folder(arguments.directory, models, batching, measured)
    print(
        f"Wrote {', '.join(files)} into {arguments.directory}. Batches: up to "
        f"{batching.max_batch_size} rows, which wait {batching.timeout_micros / 1000:g} ms."
    )
    return batching


# === The server ===


def _commands(arguments, models, machine, batching):
    """Returns what starts the server: directly, and by Docker."""
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


def _run(arguments, models, command, lock, container=None):
    """Runs the server until it is to stop."""
    versions = {m.name: [int(folder.name) for folder in version_folders(m)] for m in models}
    log = os.path.join(arguments.directory, _LOG)
    calls = [_calls(arguments, model, versions[model.name]) for model in models]
    try:
        with (
            model_server.stops_as_interrupts(),
            model_server.ModelServer(command, log, container, inherited=(lock,)) as server,
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


def _show(machine, direct, by_docker):
    """Returns commands for a shell, broken before their options."""
    commands = [by_docker] if machine.has_gpu else [direct, by_docker]  # As in `_binary`.
    texts = [shlex.join(command).replace(" --", " \\\n    --") for command in commands]
    return "\n".join(f"  {text}" for text in texts)
