"""`vae-zoo compress`: image files into one small file, by a trained model."""

from training.command_line.numbers import Integer, Number
from training.command_line.options import (
    add_model_options,
    load_image_model,
)
from training.command_line.outputs import add_file_option, save_picture
from training.command_line.reconstruct import fit_files, read_files
from training.runs.stages import stage
from zoo.checks import PIXEL_ERROR
from zoo.errors import UsageError

HELP = "code image files, within a tolerance or without loss"
EXAMPLES = """examples:
  vae-zoo compress conv_draw_mnist digits/*.png --tolerance 0.1 --output out.vz
  vae-zoo compress runs/pixel_vae_mnist digits/*.png --lossless
"""


def add_options(parser):
    """Adds the model, the files, the tolerance, the effort and the file."""
    add_model_options(parser)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="image files; brought to the model's size"
    )
    how_well = parser.add_mutually_exclusive_group(required=True)
    how_well.add_argument(
        "--tolerance",
        action=Number,
        **PIXEL_ERROR,
        help="largest root mean squared error of a decoded image, of pixels in [0, 1]",
    )
    how_well.add_argument(
        "--lossless",
        action="store_true",
        help="code the images, at the model's size, exactly: by a PixelVAE and the package "
        "constriction",
    )
    parser.add_argument(
        "--effort", action=Integer, default=16, help="codes kept in the search; default: 16"
    )
    parser.add_argument(
        "--unfit",
        choices=("error", "png"),
        default="error",
        help="images that do not fit: an error, or kept as PNG; default: error",
    )
    add_file_option(parser, "-o", "--output", default="images.vz", help="default: images.vz")


def run(arguments):
    """Writes the archive, and prints what each image takes."""
    contents = read_files(arguments.files)
    model, recipe = load_image_model(arguments.model)
    if model.context_shape is not None:
        raise UsageError(
            f"{arguments.model} is conditional: its codec needs each image's context, which a file "
            "does not have. Use Python: zoo.codec.Codec(...).encode(images, context)."
        )
    from training.figures.grids import with_folder
    from zoo import codec

    images = fit_files(model, recipe, contents)
    with stage(f"Coding {len(images):,} image{'s' * (len(images) > 1)}"):
        try:
            coder, codes = _code(model, images, arguments)
        except codec.CodecError as error:
            file = arguments.files[error.index]
            raise UsageError(
                f"{file} {error.reason}. Give a larger --tolerance, or --unfit png."
            ) from error
        except (ValueError, ImportError) as error:
            raise UsageError(str(error)) from error
    archive = codec.pack(coder, codes)
    save_picture(lambda path: with_folder(path).write_bytes(archive), arguments.output)
    for file, code in zip(arguments.files, codes, strict=True):
        is_png = not arguments.lossless and not code[0]
        print(f"  {file}: {len(code)} bytes{' (PNG)' * is_png}")
    plural = "s" * (len(codes) > 1)
    print(f"Wrote {len(codes)} image{plural} to {arguments.output}: {len(archive):,} bytes.")


def _code(model, images, arguments):
    """Returns the codec and the images' codes."""
    from zoo import codec

    if arguments.lossless:
        coder = codec.LosslessCodec(model)
        return coder, coder.encode(images)
    coder = codec.Codec(model, arguments.tolerance, arguments.effort)
    return coder, coder.encode(images, unfit=arguments.unfit)
