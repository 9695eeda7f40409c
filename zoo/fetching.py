"""Fetches the files of a pretrained model by Pooch, whole and unchanged or not at all."""

import logging
import shutil
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch

from zoo.quiet import quiet_logger
from zoo.serving import manifest
from zoo.serving.unfinished_folder import move_complete, unfinished_folder

__all__ = ["check_url", "fetch", "holds"]


def check_url(url):
    """Raises ValueError for an address that nothing is fetched from."""
    if urlsplit(url).scheme not in _DOWNLOADERS:
        raise ValueError(
            f"VAE_ZOO_URL must start with https://, http:// or file://. Received: {url}"
        )


def holds(folder, files):
    """Whether the folder holds these very files; a cache may be damaged or out of date."""
    return folder.is_dir() and manifest.measure_files(folder) == files


def fetch(url, files, folder):
    """Fetches files under another name, then renames: half a model is never there.

    Args:
        url: The address of the folder that serves them, without a slash at its end.
        files: Relative path to a dict with `sha256`, as `manifest.measure_files` gives it.
        folder: The `pathlib.Path` that will hold them.

    Raises:
        ValueError: A file that came is not the one that was published.
        OSError: The address cannot be reached, or the folder not written.
    """
    registry = {name: f"sha256:{measured['sha256']}" for name, measured in files.items()}
    try:
        # Pooch would log a line of two long paths for every file.
        with (
            quiet_logger(pooch.get_logger(), logging.WARNING),
            unfinished_folder(folder.parent, folder.name) as unfinished,
        ):
            source = pooch.create(path=unfinished, base_url=f"{url}/", registry=registry)
            for name in registry:
                _fetch_file(source, name)
            shutil.rmtree(folder, ignore_errors=True)
            move_complete(unfinished, folder)
    except OSError:
        # Another process may have finished first.
        if not holds(folder, files):
            raise


def _copy(url, output_file, pooch):
    """Copies a file, for Pooch, which knows no `file://`: a machine without network needs it."""
    shutil.copyfile(url2pathname(urlsplit(url).path), output_file)


_DOWNLOADERS = {"https": pooch.HTTPDownloader(), "http": pooch.HTTPDownloader(), "file": _copy}


def _fetch_file(source, name):
    url = source.get_url(name)
    try:
        source.fetch(name, downloader=_DOWNLOADERS[urlsplit(url).scheme])
    except OSError as error:
        raise OSError(
            f"Cannot fetch {url}: {error}. Check the connection, or set VAE_ZOO_URL to another "
            "address that serves the project's folder savedmodels/."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{url} is not the file that was published: {error} Fetch again; if it happens again, "
            "the address has another version of the models or has been tampered with."
        ) from error
