"""The options of every command that reads a data set."""

__all__ = ["add_data_options", "add_reading_options"]


def add_data_options(parser):
    """Adds the options that choose a data set and say how it is read."""
    parser.add_argument(
        "--dataset",
        help="mnist, color_mnist, mnist_sum:digits, folder:PATH, tfds:NAME and more, which "
        "docs/DATASETS.md shows; default: the recipe's",
    )
    add_reading_options(parser)


def add_reading_options(parser):
    """Adds the options that say how a data set is read."""
    parser.add_argument("--image-size", type=int, help="side of the square images, in pixels")
    parser.add_argument(
        "--fit",
        choices=("crop", "resize", "exact"),
        help="how an image is brought to the size: cut (default), stretched, or refused",
    )
    parser.add_argument("--channels", type=int, choices=(1, 3), help="1: grey, 3: colour")
    parser.add_argument(
        "--corrupt",
        choices=("refuse", "skip"),
        help="what to do about files of a folder that cannot be read; default: refuse",
    )
    parser.add_argument(
        "--binarize",
        choices=("static", "threshold"),
        help="make pixels 0 or 255: drawn once with the value as probability, or from 128 on",
    )
    parser.add_argument(
        "--dequantize",
        action="store_true",
        default=None,
        help="spread each pixel's level over its cell, with new noise in each training batch",
    )
    parser.add_argument(
        "--data-seed", type=int, help="of composed sets, --binarize and --dequantize; default: 0"
    )
