"""`vae-zoo export`: writes a model as a SavedModel."""

from training.command_line.options import add_model_options, load_model
from training.command_line.outputs import can_be_written
from training.runs.stages import stage
from zoo.errors import UsageError, UserError
from zoo.serving.unfinished_folder import as_new_path

HELP = "write a model as a SavedModel"
EXAMPLES = "example:\n  vae-zoo export runs/conv_draw_mnist serving/conv_draw/1\n"


def add_options(parser):
    """Adds the model and the place."""
    add_model_options(parser)
    parser.add_argument("path", help="the folder to write, new; a server wants a number: model/1")


def check(arguments):
    """Tells at once that something stands at the path, or that none can be made there."""
    try:
        path = as_new_path(arguments.path)
    except (FileExistsError, ValueError) as error:
        raise UsageError(str(error)) from error
    if not can_be_written(path):
        raise UsageError(f"No folder can be made at {path}. Give another path.")


def run(arguments):
    """Exports the model, with its recipe."""
    import tensorflow as tf

    model, recipe = load_model(arguments.model)
    try:
        with stage("Exporting the model, and checking what was exported"):
            model.export(arguments.path, metadata=recipe and {"recipe": recipe.to_dict()})
    except (FileExistsError, ValueError) as error:
        raise UsageError(str(error)) from error
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"Could not write {arguments.path}: {error}.") from error
    print(f'Wrote {arguments.path}. Load it with zoo.load("{arguments.path}").')
