"""`vae-zoo explore`: a local web page on which models are tried by hand."""

import contextlib
import threading
import webbrowser

from training.command_line.numbers import Integer
from training.command_line.options import add_import_option, load_image_model
from training.recipes import find_recipe, recipe_names
from training.runs.model_names import check_model
from training.runs.stages import stage
from zoo.errors import UsageError, UserError

HELP = "try models by hand, on a local web page"
EXAMPLES = """examples:
  vae-zoo explore                            (conv_draw_mnist_any)
  vae-zoo explore conv_draw_mnist runs/mine
  vae-zoo explore conv_draw_mnist --server localhost:8500
"""
_DEFAULT = "conv_draw_mnist_any"
_SECONDS = 20.0  # For an answer of a server.


def add_options(parser):
    """Adds the models, and where the page is."""
    parser.add_argument(
        "explored",
        nargs="*",
        metavar="NAME_OR_PATH",
        help="a pretrained model's name, a run directory, or an exported model's folder; default: "
        f"{_DEFAULT}",
    )
    add_import_option(parser)
    parser.add_argument(
        "--server",
        metavar="ADDRESS",
        help="ask the models of these names at a TensorFlow Serving: host:port of its gRPC port, "
        "or http://host:port",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on this address, such as 0.0.0.0 for everyone who can reach this machine; "
        "default: 127.0.0.1, this machine alone",
    )
    port = {"action": Integer, "most": 65535, "metavar": "PORT"}
    parser.add_argument("--port", **port, default=7860, help="default: 7860")
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, open no browser"
    )


def check(arguments):
    """Refuses what cannot be served or is not there, before TensorFlow starts."""
    from training.explore.web_server import check_can_serve

    if repeated := {n for n in arguments.explored if arguments.explored.count(n) > 1}:
        raise UsageError(f"Give each model once. Received twice: {', '.join(sorted(repeated))}")
    if arguments.server is not None:
        if not arguments.explored:
            raise UsageError("Say which of the server's models: vae-zoo explore NAME --server ...")
    else:
        for name in arguments.explored:
            check_model(name)
    check_can_serve(arguments.port)


def run(arguments):
    """Loads the models, makes their first calls, and serves the page until Ctrl-C."""
    from training.explore.web_server import PageServer

    names = arguments.explored or [_DEFAULT]
    models = [
        _load(name) if arguments.server is None else _ask_for(name, arguments.server)
        for name in names
    ]
    with stage("Starting the page"):
        server = PageServer(models, arguments.host, arguments.port)
    address = f"http://{arguments.host}:{arguments.port}"
    print(f"The page is at {address}; Ctrl-C ends it.", flush=True)
    if not arguments.no_browser:  # In a thread: one in the terminal would not return.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run()


def _load(name):
    from training.explore.local_model import LocalModel

    model, recipe = load_image_model(name)
    with stage(f"Warming {name} up"):
        model = LocalModel(name, model, recipe)
        model.warm_up()
    return model


def _ask_for(name, server):
    from training.explore.served_model import ServedModel
    from zoo import serving

    recipe = find_recipe(name) if name in recipe_names() else None
    with stage(f"Asking {server} for {name}"):
        try:
            client = serving.Client(server, name, deadline=_SECONDS, max_retries=1)
            model = ServedModel(name, client, recipe)
            model.warm_up()
        except (serving.ServingError, ImportError) as error:
            raise UserError(f"{name} at {server}: {error}") from error
    return model
