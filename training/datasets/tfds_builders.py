"""Finds the builders of TensorFlow Datasets (TFDS) and has them prepare their data."""

import contextlib
import difflib
import logging
import sys


def find_builder(tfds_name: str, data_dir: str | None):
    """The TFDS builder of a name.

    Args:
        tfds_name: `name`, `name/config` or `name/config:version`.
        data_dir: Where TFDS keeps its data, or None for its default.

    Returns:
        The `tfds.core.DatasetBuilder`.

    Raises:
        ValueError: If there is no such set; the message has the near names.
    """
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(tfds_name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(tfds_name.partition("/")[0], known)
        hint = f" Did you mean {' or '.join(f'tfds:{known_name}' for known_name in near)}?"
        raise ValueError(
            f"Expected the name of a set of TensorFlow Datasets, received {tfds_name!r}; look it "
            f"up at https://www.tensorflow.org/datasets/catalog.{hint if near else ''}"
        ) from error


def prepare(builder, tfds_name: str) -> None:
    """Downloads and prepares the data of a builder unless that has been done.

    Raises:
        FileNotFoundError: If that fails; the message says how to bring the data here.
    """
    if builder.info.splits:  # TFDS reads the splits from data that is completely prepared
        return
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    # Without a network every retry of every file would be a warning, for minutes.
    retries = logging.getLogger("urllib3.connectionpool")
    level = retries.level
    retries.setLevel(logging.ERROR)
    try:
        # TFDS announces size and folder on standard output, which belongs to our caller.
        with contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    except Exception as error:  # network, disk, checksums, files to fetch by hand, …
        raise FileNotFoundError(
            f"Expected prepared data in {builder.data_dir} or a network to download it from, "
            f"received {type(error).__name__}: {error}. Where there is a network, run "
            f"`python -c \"import tensorflow_datasets as t; t.load('{tfds_name}', "
            "data_dir='FOLDER')\"`, then bring FOLDER here and give it as data_dir or in the "
            "environment variable TFDS_DATA_DIR."
        ) from error
    finally:
        retries.setLevel(level)
