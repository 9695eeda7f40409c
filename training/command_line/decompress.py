"""`vae-zoo decompress`: the images of a file that `vae-zoo compress` wrote."""

import pathlib

from training.command_line.options import add_model_options, load_image_model
from training.command_line.outputs import add_folder_option, save_picture
from zoo.errors import UsageError

HELP = "decode a file of `vae-zoo compress` into PNG files"
EXAMPLES = "example:\n  vae-zoo decompress conv_draw_mnist images.vz --output decoded\n"


def add_options(parser):
    """Adds the model, the file and the folder."""
    add_model_options(parser)
    parser.add_argument("file", metavar="FILE", help="what `vae-zoo compress` wrote")
    add_folder_option(
        parser, "-o", "--output", default="decoded", help="a folder; default: decoded"
    )


def run(arguments):
    """Writes the images, numbered in the order in which they were given."""
    from zoo import codec

    try:
        data = pathlib.Path(arguments.file).read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {arguments.file}: {error.strerror}.") from error
    model, _ = load_image_model(arguments.model)
    try:
        coder, codes = codec.unpack(data, model)
        images = coder.decode(codes)
    except (ValueError, ImportError) as error:
        raise UsageError(f"{arguments.file}: {error}") from error
    folder = pathlib.Path(arguments.output)
    save_picture(_save_all, folder, images)
    how_well = "without loss"
    if isinstance(coder, codec.Codec):
        how_well = f"within a root mean squared error of {coder.tolerance:g}"
    print(f"Wrote {len(images)} image{'s' * (len(images) > 1)} to {folder}/, coded {how_well}.")


def _save_all(folder, images):
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(pixels).save(folder / f"{index:05d}.png")
