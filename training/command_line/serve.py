"""`vae-zoo serve`: writes a server's configuration, and starts the server."""

import os
import shlex
import subprocess
import sys

from training.command_line.numbers import Integer, Number
from training.command_line.outputs import add_folder_option
from training.command_line.text import paragraph
from training.runs.stages import stage
from training.serve import folder_lock, installation, model_server, running_server
from zoo.errors import UserError
from zoo.serving.server_configuration import MODELS_FILE, Endpoints, server_arguments
from zoo.serving.server_containers import Machine, docker_run, image

HELP = "put models behind TensorFlow Serving: configure and start it"
EXAMPLES = """examples:
  vae-zoo serve conv_draw_mnist                 (a pretrained model)
  vae-zoo serve runs/mine classifier_mnist      (a run's model, and another)
  vae-zoo serve models/faces --label stable=1 --label canary=2
  vae-zoo serve models/faces --gpu --write-only
                                (only the files, for another machine)
docs/SERVING.md says what to do with the files, and how to run it in production.
"""
_ABOUT_LABELS = (
    "A server that reads this folder already refuses the whole file while a label moves to a "
    "version that it has not loaded. For such a one first add the version and leave the labels as "
    "they are; once it is AVAILABLE, move the label."
)
_STOPPED = 130  # Exit code of a program that Ctrl-C ended.


def add_options(parser):
    """Adds the models, the folder, and what the server is to be like."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME_OR_PATH",
        help="a pretrained model's name, a run directory, a folder of versions (the newest is "
        "served, and replaced by a newer one), or the folder of one version",
    )
    add_folder_option(
        parser, "--directory", default="serving", help="the folder to write; default: serving"
    )
    port = {"action": Integer, "most": 65535, "metavar": "PORT"}
    parser.add_argument("--grpc-port", **port, default=8500, help="default: 8500")
    parser.add_argument("--rest-port", **port, default=8501, help="default: 8501")
    parser.add_argument(
        "--rest-timeout",
        action=Number,
        least=0.001,
        most=86400.0,  # The server counts in milliseconds; beyond, its int32 is near its end.
        default=60.0,
        metavar="SECONDS",
        help="the server gives up a request by REST after so long, whatever its client's deadline "
        "is; default: 60",
    )
    parser.add_argument("--write-only", action="store_true", help="write the folder, start nothing")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="[MODEL:]LABEL=VERSION",
        help="serve this version, also by a label; may be given several times",
    )
    parser.add_argument(
        "--max-batch-size",
        action=Integer,
        least=2,  # Of every warm-up.
        metavar="ROWS",
        help="of a batch, and of a request, 2 at least; default: as measured, at most 64",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="for an NVIDIA GPU: the CUDA image, batches of 64"
    )


def run(arguments):
    """Writes a folder for TensorFlow Serving and starts it.

    Returns:
        An exit code, None if all went well.
    """
    from training.serve.served_models import find_models

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
    server = running_server.find(arguments.directory, arguments.rest_port)
    if server is not None:
        _change(arguments, models, machine, server)
        return
    batching = _write(arguments, models, machine)
    commands = _commands(arguments, models, machine, batching)
    print(f"To start a server with them:\n{_show(machine, *commands)}")
    if arguments.label:
        print(paragraph(_ABOUT_LABELS))


def _change(arguments, models, machine, server):
    """Changes what a running server serves, in two steps where one would be refused."""
    from training.serve import server_folder

    server.check(models)
    ended = server.what_ends(models)
    first = server.first_step(models)
    if first is None:
        _write(arguments, models, machine)
    else:
        _write(arguments, models, machine, first)
        print("Step 1 of 2: the server loads the versions; labels stay ...", flush=True)
        server.wait_until_loaded(first)
        server_folder.write_models(arguments.directory, models)
        print(f"Step 2 of 2: wrote the labels into {MODELS_FILE}.")
    text = (
        f"The server that runs from {arguments.directory} takes {MODELS_FILE} up within half a "
        "minute, and the other files when it is started again."
    )
    if ended:
        text += f"\nIt will no longer have {', '.join(ended)}."
    print(paragraph(text))


def _write_and_start(arguments, models, machine):
    model_server.check_ports(grpc_port=arguments.grpc_port, rest_port=arguments.rest_port)
    binary = _binary(machine)
    facts = {"rest_port": arguments.rest_port}
    if not binary:
        facts["base_paths"] = [model.base_path for model in models]  # A container sees no others.
    with folder_lock.hold(arguments.directory, **facts) as lock:
        batching = _write(arguments, models, machine)
        direct, by_docker = _commands(arguments, models, machine, batching)
        if binary:
            _start(arguments, models, [binary, *direct[1:]], lock)
        elif model_server.has_docker_engine():
            _fetch(image(machine))
            _start(arguments, models, by_docker, lock, _container(arguments))
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


def _write(arguments, models, machine, models_for_now=None):
    """Writes the folder, for now with other models if there are any; returns the `Batching`."""
    from training.serve.server_folder import size_batches, write_folder

    with stage("Sizing the server's batches"):
        batching, measured = size_batches(models, machine, arguments.max_batch_size)
    files = write_folder(arguments.directory, models_for_now or models, batching, measured)
    text = (
        f"Wrote {', '.join(files)} into {arguments.directory}. Batches: up to "
        f"{batching.max_batch_size} rows, which wait {batching.timeout_micros / 1000:g} ms."
    )
    print(paragraph(text))
    return batching


# === The server ===


def _commands(arguments, models, machine, batching):
    """Returns what starts the server: directly, and by Docker."""
    folder = os.path.abspath(arguments.directory)
    endpoints = Endpoints(arguments.grpc_port, arguments.rest_port, arguments.rest_timeout)
    direct = [model_server.BINARY, *server_arguments(folder, batching, endpoints)]
    by_docker = docker_run(models, folder, batching, machine, endpoints, _container(arguments))
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


def _start(arguments, models, command, lock, container=None):
    """Runs the server until it is to stop."""
    from training.serve.served_models import version_folders

    versions = {m.name: [int(folder.name) for folder in version_folders(m)] for m in models}
    log = os.path.join(arguments.directory, running_server.LOG_FILE)
    calls = [_calls(arguments, model, version_folders(model)) for model in models]
    try:
        with (
            model_server.stops_as_interrupts(),
            model_server.ModelServer(command, log, container, inherited=(lock,)) as server,
        ):
            print(f"Started {command[0]}, which logs to {log}.", flush=True)
            with stage("Loading the models"):
                server.wait_until_available(versions, arguments.rest_port)
            print("\n".join([*calls, "\nCtrl-C stops the server."]), flush=True)
            server.wait()
    except KeyboardInterrupt:
        print("\nStopped the server.")


def _calls(arguments, model, folders):
    from training.serve.example_calls import example_calls

    calls = example_calls(
        model.name,
        folders[-1],
        arguments.directory,
        arguments.grpc_port,
        arguments.rest_port,
    )
    numbers = " and ".join(str(int(folder.name)) for folder in folders)
    return "\n".join([f"\n{model.name}, version {numbers}, is AVAILABLE. Try", *calls])


def _show(machine, direct, by_docker):
    """Returns commands for a shell, broken before their options."""
    commands = [by_docker] if machine.has_gpu else [direct, by_docker]  # As in `_binary`.
    texts = [shlex.join(command).replace(" --", " \\\n    --") for command in commands]
    return "\n".join(f"  {text}" for text in texts)
