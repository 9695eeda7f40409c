"""`vae-zoo sample`: draws samples into a picture."""

from training.command_line.numbers import Integer, Number
from training.command_line.options import (
    DATA_SETTINGS,
    add_data_options,
    add_model_options,
    add_tolerance_option,
    given_tolerance,
    load_data,
    load_image_model,
)
from training.command_line.outputs import add_picture_option, save_picture
from training.runs.stages import stage
from zoo import checks
from zoo.errors import MismatchError

HELP = "draw samples into a picture"
EXAMPLES = """examples:
  vae-zoo sample conv_draw_mnist
  vae-zoo sample runs/demo -n 100 --temperature 0.8 --output samples.png
"""


def add_options(parser):
    """Adds the model, what is drawn, and the data set of a conditional model's contexts."""
    add_model_options(parser)
    parser.add_argument(
        "-n", "--num", action=Integer, default=72, help="number of samples; default: 72"
    )
    int32 = {"least": -(2**31), "most": 2**31 - 1}
    parser.add_argument("--seed", action=Integer, **int32, default=0, help="default: 0")
    parser.add_argument(
        "--temperature",
        action=Number,
        least=0,
        default=1.0,
        help="scales the prior's standard deviations; default: 1",
    )
    add_tolerance_option(parser)
    add_picture_option(parser, "samples.png")
    contexts = "a conditional model's contexts, which come from a test split"
    add_data_options(parser.add_argument_group(contexts))


def run(arguments):
    """Saves a picture of samples, of a conditional model beside their contexts."""
    from training.figures import model_pictures

    model, recipe = load_image_model(arguments.model)
    given = given_tolerance(arguments, model)
    data = _load_contexts(arguments, model, recipe, model_pictures.SAMPLES_PER_CONTEXT)
    with stage("Drawing samples"):
        samples, contexts = model_pictures.draw_samples(
            model, arguments.num, data, arguments.seed, arguments.temperature, **given
        )
    as_images = data is not None and data.channels_are_images
    save_picture(model_pictures.save_samples, arguments.output, samples, contexts, as_images)
    print(f"Wrote {arguments.num} samples to {arguments.output}.")


def _load_contexts(arguments, model, recipe, samples_per_context):
    """Returns the data set whose contexts a conditional model is to be given, else None."""
    if model.context_shape is None:
        given = [name for name in DATA_SETTINGS if getattr(arguments, name) is not None]
        if given:
            raise MismatchError(
                given[0],
                f"a conditional model, whose context images ${given[0]} is about",
                f"{arguments.model}, which is not conditional",
                f"leave ${given[0]} out",
            )
        return None
    data = load_data(arguments, recipe, model)
    checks.integer(
        "num",
        arguments.num,
        most=samples_per_context * data.num_examples["test"],
        why=f"{samples_per_context} for each context of the test split of {data.name}",
    )
    return data
