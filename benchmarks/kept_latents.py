"""What each group of a ConvDRAW's latents says of an image: the first stay, others are drawn.

    python -m benchmarks.kept_latents conv_draw_mnist --picture docs/images/kept_latents.png

Measures the error against test images for each number of groups that stay; draws some of them.
"""

import argparse
import pathlib

import numpy as np

from training import datasets
from training.figures import grids, image_blocks, stamps
from training.runs import model_source, provenance
from training.runs.run_directory import write_json

HERE = pathlib.Path(__file__).parent
_NUM_SHOWN = 14
_SHOWN_KEPT = (1, 2, 3, 4, 6, 8)


def images_of(model, latents, num_kept):
    """Returns the images of latents of which `num_kept` groups stay, `[B, H, W, C]`."""
    return np.asarray(model.decode(model.redraw(latents, num_kept, seed=0)).mean())


def root_mean_squared_errors(model, images, batch_size=250):
    """Returns the error by how many groups stay, a dict from 1 on, in pixel units."""
    squares = {}  # Of each image, by how many groups stay.
    for first in range(0, len(images), batch_size):
        part = images[first : first + batch_size]
        latents = model.encode(part, seed=(0, first))
        for kept in range(1, len(latents) + 1):
            error = images_of(model, latents, kept) - np.float32(part) / 255
            squares.setdefault(kept, []).extend(np.mean(error**2, axis=(1, 2, 3)))
    return {kept: float(np.sqrt(np.mean(values))) for kept, values in squares.items()}


def draw(path, model, images, errors):
    """Saves test images and below each what stays of it, a row for each number of groups."""
    latents = model.encode(images)
    shown = [kept for kept in _SHOWN_KEPT if kept <= len(latents)]
    rows = [images, *(images_of(model, latents, kept) for kept in shown)]
    labels = [f"{kept} of {len(latents)} stay\nrmse {errors[kept]:.3f}" for kept in shown]
    title = f"The first of {len(latents)} groups of latents kept, the others drawn from the prior"
    block = image_blocks.Block("", [grids.as_pixels(row) for row in rows])
    image_blocks.save_blocks(path, [block], title, ("data", *labels))


def main():
    """Runs what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a pretrained ConvDRAW, or a run's directory")
    parser.add_argument("--num-images", type=int, default=1000)
    parser.add_argument("--picture", type=pathlib.Path, help="a PNG")
    parser.add_argument(
        "--output", type=pathlib.Path, default=HERE / "results" / "kept_latents.json"
    )
    arguments = parser.parse_args()
    model, recipe = model_source.load_model(arguments.model)
    data = datasets.load_for(recipe)
    errors = root_mean_squared_errors(
        model, data.sample_images("test", arguments.num_images, seed=0)
    )
    result = {
        "model": arguments.model,
        "images": arguments.num_images,
        "rmse_by_kept_groups": errors,
        "machine": provenance.machine(),
    }
    write_json(arguments.output, result)
    print(errors)
    if arguments.picture:
        draw(arguments.picture, model, data.sample_images("test", _NUM_SHOWN, seed=3), errors)
        stamps.stamp(arguments.picture, [arguments.output])


if __name__ == "__main__":
    main()
