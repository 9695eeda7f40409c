"""How much a row's answer depends on the batch that a server puts it in: every signature.

    python -m benchmarks.row_grouping            # about a quarter of an hour on two cores
    python -m benchmarks.row_grouping --quick    # few groupings, nothing written

Pretrained models and each architecture of the contract tests (tests/contract.py; tiny, 4x8 pixels
of three channels), exported, are loaded into a graph-mode session, which stands for TensorFlow
Serving. 16 rows of each signature are asked for one at a time, then grouped at random into batches
of any size, each padded up to a power of two with copies of its first row. Compared are all
outputs: floats by the largest difference as a share of the largest magnitude, PNG images by the
number of values that round to another of 256 levels. A model that draws pixels draws others where
rounding crosses a threshold, and all pixels after it are then given another image: these are
counted, and the row's other outputs left out.
"""

import argparse
import dataclasses
import json
import pathlib
import tempfile

import zoo
from tests import contract
from tests.zoo.serving import row_groupings
from zoo.serving.check import open_session
from zoo.serving.signatures import (
    make_classifier_signatures,
    make_sampler_signatures,
    make_signatures,
)

HERE = pathlib.Path(__file__).parent
PRETRAINED = ("classifier_mnist", "conv_draw_digits", "conv_draw_mnist")
IMAGE_SHAPE = (4, 8, 3)  # Of the tiny models.
NUM_ROWS = 16
NUM_GROUPINGS = 200


def measure(model, path, num_groupings):
    """Returns signature name to a dict of figures, for the model exported at `path`."""
    requests = row_groupings.requests_of(model, signatures_of(model), NUM_ROWS)
    with open_session(str(path)) as answer:
        return {
            signature: dataclasses.asdict(
                row_groupings.compare(
                    lambda given, signature=signature: answer(signature, given),
                    inputs,
                    num_groupings,
                    draws_pixels=not getattr(model, "has_mean", True),
                )
            )
            for signature, inputs in requests.items()
        }


def signatures_of(model):
    """Returns the signatures of a model of any kind."""
    if isinstance(model, zoo.ConvClassifier):
        return make_classifier_signatures(model)
    if isinstance(model, zoo.InfusionModel):
        return make_sampler_signatures(model)
    return make_signatures(model)


def models():
    """Returns name, Keras model and folder of each exported model, one after the other."""
    for name in PRETRAINED:
        path = zoo.saved_model_path(name)
        yield name, zoo.load(path), path
    contract.IMAGE_SHAPE = IMAGE_SHAPE
    for name in contract.FULL_MODELS:
        with tempfile.TemporaryDirectory() as folder:
            model = contract.make_compiled(name)
            model.export(f"{folder}/1", log_prob_samples=3)
            yield name, model, f"{folder}/1"
    with tempfile.TemporaryDirectory() as folder:
        model = zoo.InfusionModel(IMAGE_SHAPE, num_steps=3, filters=(4, 8), hidden_units=8)
        model.export(f"{folder}/1")
        yield "InfusionModel", model, f"{folder}/1"


def main():
    """Measures all models and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few groupings, nothing written")
    arguments = parser.parse_args()
    num_groupings = 3 if arguments.quick else NUM_GROUPINGS
    results = {}
    for name, model, path in models():
        results[name] = measure(model, path, num_groupings)
        largest = max(figures["largest_difference"] for figures in results[name].values())
        changed = sum(figures["png_values_changed"] for figures in results[name].values())
        redrawn = sum(figures["drawn_pixels_changed"] for figures in results[name].values())
        print(
            f"{name}: largest difference {largest:.1e}, {changed} values of PNG images changed, "
            f"{redrawn} drawn values changed",
            flush=True,
        )
    if not arguments.quick:
        figures = {
            "image_shape": IMAGE_SHAPE,
            "rows": NUM_ROWS,
            "groupings": NUM_GROUPINGS,
            "models": results,
        }
        path = HERE / "results" / "row_grouping.json"
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
