"""Has TensorFlow Datasets (TFDS) find and prepare its data; says what to do where it cannot."""

import contextlib
import io
import logging
import pathlib
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator

from training.datasets.completeness import find_defect, is_cut_short
from training.datasets.network import can_reach, refuse_downloads
from zoo.names import near_names
from zoo.quiet import quiet_logger

MAX_FILES_LISTED = 10
LEFTOVER_AGE_SECONDS = 24 * 3600

MakeBuilder = Callable[[str | None], object]


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
        near = [f"tfds:{one}" for one in near_names(tfds_name.partition("/")[0], known)]
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"Expected the name of a set of TensorFlow Datasets, received {tfds_name!r}; look it "
            f"up at https://www.tensorflow.org/datasets/catalog.{hint}"
        ) from error


def prepared_builder(
    name: str, make_builder: MakeBuilder, data_dir: str | None, check: Callable[[object], None]
):
    """Returns a TFDS builder whose data is complete, preparing the data if it is not.

    Data that is there in part (a copy that was interrupted) is set aside, built again, and only
    then removed; if that fails, it is put back.

    Args:
        name: The name of the set in `training.datasets.load`.
        make_builder: Maps a folder of data, or None, to the `tfds.core.DatasetBuilder`.
        data_dir: Where TFDS keeps its data, or None for its default.
        check: Is called with the builder before anything is prepared, and may raise.

    Returns:
        The builder.

    Raises:
        FileNotFoundError: If the data is missing or broken and cannot be prepared; the message
            says which file, and how to bring the data here.
        ImportError: If preparing takes a package that is not installed.
    """
    builder, folder, defect = _open(make_builder, data_dir)
    if not defect:
        check(builder)
        return builder
    try:
        with _set_aside(name, folder, defect):
            builder = make_builder(data_dir)
            check(builder)
            _prepare(builder, name, defect)
    except FileNotFoundError:
        builder, _, defect = _open(make_builder, data_dir)
        if defect:
            raise
        # Another process prepared the same data meanwhile, and TFDS does not write over it.
    _remove_leftovers(folder)
    return builder


def _open(make_builder: MakeBuilder, data_dir: str | None):
    """The builder, the folder of its data, and what is wrong with that (None: nothing)."""
    import tensorflow_datasets as tfds

    try:
        builder = make_builder(data_dir)
    except ValueError:  # no such set
        raise
    except Exception:  # whatever reading a broken dataset_info.json raises
        # The builder reads that file before it can be asked where its data is.
        with tempfile.TemporaryDirectory() as empty:
            blank = make_builder(empty)
            root = type(blank.data_path)(data_dir or tfds.core.constants.DATA_DIR).expanduser()
            folder = root / blank.data_path.relative_to(empty)
        if not is_cut_short(folder / "dataset_info.json"):
            raise
        return None, folder, f"a file {folder / 'dataset_info.json'} that is cut short"
    return builder, builder.data_path, find_defect(builder)


@contextlib.contextmanager
def _set_aside(name: str, folder, defect: str) -> Iterator[None]:
    """Renames a broken folder; puts it back if what follows fails, else removes it."""
    if not folder.exists():
        yield
        return
    aside = folder.parent / f"{folder.name}.broken{uuid.uuid4().hex[:8]}"
    try:
        folder.rename(aside)
    except OSError as error:
        raise FileNotFoundError(
            f"Expected complete data of {name}, received {defect}, in a folder that cannot be "
            f"changed ({error}); copy the data there again, or give another folder as data_dir or "
            "in the environment variable TFDS_DATA_DIR."
        ) from error
    try:
        yield
    except BaseException:
        if not folder.exists():
            aside.rename(folder)
        raise
    aside.rmtree()


def _prepare(builder, name: str, defect: str) -> None:
    """Downloads and prepares the data of a builder."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    has_network = can_reach(builder.url_infos or {})
    if not has_network:
        refuse_downloads(builder, "no network")
    # Prepared data that TensorFlow hosts is asked for over the network, too.
    config = tfds.download.DownloadConfig(try_download_gcs=has_network)
    # TFDS announces size and folder on standard output, which belongs to our caller; and it
    # announces a download even where there can be none.
    announcements = sys.stderr if has_network else io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(announcements),
            # Each retry of each file would be a warning.
            quiet_logger(logging.getLogger("urllib3.connectionpool")),
            _no_empty_folders(builder),
        ):
            builder.download_and_prepare(download_config=config)
    except ImportError:
        raise
    except Exception as error:  # network, disk, checksums, files to fetch by hand, …
        raise FileNotFoundError(
            f"Expected prepared data of {name} in {builder.data_dir}, or a network to download it "
            f"from, received {defect} and {type(error).__name__}: {error}. "
            f"{_steps_by_hand(builder, name)}"
        ) from error


@contextlib.contextmanager
def _no_empty_folders(builder) -> Iterator[None]:
    """Removes the empty folders that a failed preparation makes, and no others."""
    before = set(_folders(builder))
    try:
        yield
    except BaseException:
        for folder in sorted(set(_folders(builder)) - before, reverse=True):  # the inner ones first
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()
        raise


def _folders(builder) -> list[pathlib.Path]:
    """The folders that preparing this set may make, as far as they are there."""
    root = pathlib.Path(builder.data_dir_root)
    patterns = ("downloads", "downloads/*", "downloads/*/*", builder.name, f"{builder.name}/*")
    return [path for pattern in patterns for path in root.glob(pattern) if path.is_dir()]


def _steps_by_hand(builder, name: str) -> str:
    """How to bring the data here without downloading it here."""
    # Ours may want an image size to load; that of TFDS cannot read LSUN's databases.
    module = "tensorflow_datasets" if name.startswith("tfds:") else "training.datasets"
    command = f"from {module} import load; load('{name.removeprefix('tfds:')}', data_dir='FOLDER')"
    elsewhere = (
        f'where there is a network, run `python -c "{command}"`, then bring FOLDER here and give '
        "it as data_dir or in the environment variable TFDS_DATA_DIR."
    )
    is_wanted = getattr(builder, "needs_file", lambda filename: True)
    files = [
        f"\n  {info.filename} ({info.size}) from {url}"
        for url, info in (builder.url_infos or {}).items()
        if info.filename and is_wanted(info.filename)
    ]
    if not files:
        return f"{elsewhere[0].upper()}{elsewhere[1:]}"
    if len(files) > MAX_FILES_LISTED:
        files[MAX_FILES_LISTED:] = [f"\n  and {len(files) - MAX_FILES_LISTED} more"]
    return (
        f"Either, {elsewhere}\nOr put the original files, under these names and unchanged, into "
        f"{builder.data_dir_root / 'downloads' / 'manual'}, and load again, which then needs no "
        f"network:{''.join(files)}"
    )


def _remove_leftovers(folder) -> None:
    """Removes what preparations that were killed left beside `folder`.

    Only what nobody has touched for a day: another process may be preparing the same data.
    """
    for pattern in (f"incomplete.*_{folder.name}", f"{folder.name}.broken*"):
        for leftover in folder.parent.glob(pattern):
            if time.time() - _last_change(leftover) > LEFTOVER_AGE_SECONDS:
                leftover.rmtree()


def _last_change(folder) -> float:
    """When a file of the folder was last written, in seconds since 1970."""
    return max(path.stat().mtime for path in (folder, *folder.glob("*")))
