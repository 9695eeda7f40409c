"""The command line of `vae-zoo serve`."""

__all__ = ["EXAMPLES", "add_options"]

EXAMPLES = """examples:
  vae-zoo serve conv_draw_mnist                      (a pretrained model)
  vae-zoo serve runs/mine classifier_mnist           (a run's model, and another)
  vae-zoo serve models/faces --label stable=1 --label canary=2
  vae-zoo serve models/faces --gpu --write-only      (only the files, for another machine)
docs/SERVING.md says what to do with the files, and how to run this in production.
"""


def add_options(parser):
    """Adds the options of `vae-zoo serve` to its parser."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME_OR_PATH",
        help="a pretrained model's name, a run directory, a folder of versions (the newest is "
        "served, and replaced by a newer one), or the folder of one version",
    )
    parser.add_argument(
        "--directory", default="serving", help="the folder to write; default: serving"
    )
    parser.add_argument("--grpc-port", type=int, default=8500, help="default: 8500")
    parser.add_argument("--rest-port", type=int, default=8501, help="default: 8501")
    parser.add_argument("--write-only", action="store_true", help="write the folder, start nothing")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="[MODEL:]LABEL=VERSION",
        help="serve this version, also by a label; may be given several times",
    )
    parser.add_argument(
        "--max-batch-size",
        type=int,
        metavar="ROWS",
        help="of a batch, and of a request; default: as measured, at most 64",
    )
    parser.add_argument(
        "--gpu", action="store_true", help="for an NVIDIA GPU: the CUDA image, batches of 64"
    )
