"""`vae-zoo evaluate`: measures a model on a test split."""

import os

from training import evaluation
from training.command_line.options import (
    add_data_options,
    add_model_options,
    add_tolerance_option,
    given_tolerance,
    load_data,
    load_model,
)
from training.command_line.outputs import add_file_option
from training.command_line.text import columns, paragraph
from training.runs.stages import stage
from zoo.errors import MismatchError
from zoo.names import UnknownName

HELP = "measure a model on a test split"
_MEASURES = "\n".join(columns(evaluation.DESCRIPTIONS.items(), indent=2))
EXAMPLES = f"""examples:
  vae-zoo evaluate conv_draw_mnist
  vae-zoo evaluate runs/demo --dataset fashion_mnist --image-size 16
  vae-zoo evaluate runs/demo --measure active_units --output measures.json

measures:
{_MEASURES}
"""
_BATCH_SIZE = 100  # Where no recipe says another.


def add_options(parser):
    """Adds the model, the data set, and what is measured beside what `fit` logs."""
    add_model_options(parser)
    parser.add_argument(
        "--measure",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this, too, one of those below; may be given several times",
    )
    add_tolerance_option(parser)
    add_file_option(parser, "--output", help="a JSON file for all the numbers")
    add_data_options(parser)


def check(arguments):
    """Tells a misspelt measure at once, unless an import, which a run may have, can bring it."""
    if arguments.imports or os.path.exists(arguments.model):
        return
    for name in arguments.measure:
        if name not in evaluation.DESCRIPTIONS:
            raise UnknownName("measure", name, evaluation.DESCRIPTIONS)


def run(arguments):
    """Prints what is measured and, if asked to, writes it to a file."""
    from training.runs.run_directory import write_json

    model, recipe = load_model(arguments.model)
    given = given_tolerance(arguments, model)
    data = load_data(arguments, recipe, model)
    # The noise depends on the batches, so those of the run give the figures of the run.
    batch_size = recipe.batch_size if recipe else _BATCH_SIZE
    for found in _measure(arguments, model, data, batch_size, given):
        # After each measure, for some take minutes.
        if arguments.output is not None:
            write_json(arguments.output, found)
    if arguments.output is not None:
        print(f"Wrote the numbers to {arguments.output}.")


def _measure(arguments, model, data, batch_size, given):
    """Returns all that was measured so far, after each measure."""
    from training import kinds

    kind = kinds.of_model(model)
    if arguments.measure and not kind.draws_images:
        raise MismatchError(
            "measure",
            f"a model of images for $measure={arguments.measure[0]}",
            f"{arguments.model}, a {kind.name}",
            "leave $measure out",
        )
    for name in arguments.measure:
        evaluation.check(name, model, data)
    images = f"{data.num_examples['test']:,} images of the test split"
    with stage(f"Measuring on {images}"):
        found = kind.measure_test(model, data, batch_size, **given)
    print(f"{data.name}, {images}{kind.measured_how}:")
    print("\n".join(columns(kind.measure_rows(data, found), indent=2, right=(1,))))
    for text in (*kind.verdicts(found), data.caveat):
        print(paragraph(text), end="\n" * bool(text), flush=True)
    yield found
    for name in arguments.measure:
        with stage(f"Measuring {name}"):
            found[name] = evaluation.measure(name, model, data)
        print(paragraph(f"{name} ({evaluation.describe(name)}):"))
        values = [(key, _as_text(value)) for key, value in sorted(found[name].items())]
        print("\n".join(columns(values, indent=2)), flush=True)
        yield found


def _as_text(value):
    """Writes a number; a text, which says why there is none, stays as it is."""
    return value if isinstance(value, str) else f"{float(value):.6g}"
