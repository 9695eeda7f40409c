"""Finds the builders of TensorFlow Datasets (TFDS)."""

import difflib


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
