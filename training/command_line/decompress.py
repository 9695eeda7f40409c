"""`vae-zoo decompress`: the images of a file that `vae-zoo compress` wrote."""

import pathlib

from training.command_line.options import add_model_options, load_image_model
from zoo.errors import UsageError

HELP = "decode a file of `vae-zoo compress` into PNG files"
EXAMPLES = "example:\n  vae-zoo decompress conv_draw_mnist images.vz --output decoded\n"


def add_options(parser):
    """Adds the model, the file and the folder."""
    add_model_options(parser)
    parser.add_argument("file", metavar="FILE", help="what `vae-zoo compress` wrote")
    parser.add_argument("-o", "--output", default="decoded", help="a folder; default: decoded")


def run(arguments):
    """Writes the images, numbered in the order in which they were given."""
    from PIL import Image

    from zoo import codec

    try:
        data = pathlib.Path(arguments.file).read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {arguments.file}: {error.strerror}.") from error
    model, _ = load_image_model(arguments.model)
    try:
        coder, codes = codec.unpack(data, model)
        images = coder.decode(codes)
    except ValueError as error:
        raise UsageError(f"{arguments.file}: {error}") from error
    folder = pathlib.Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(pixels).save(folder / f"{index:05d}.png")
    print(
        f"Wrote {len(images)} images to {folder}/, each within a root mean squared error of "
        f"{coder.tolerance:g}."
    )
