"""Whether there is a network, so that a download without one fails in seconds, not minutes.

By hand, because TensorFlow Datasets has no limit to its ten retries and no way to work offline.
"""

import functools
import queue
import threading
from collections.abc import Iterable
from urllib.parse import urlsplit


def can_reach(urls: Iterable[str], timeout: float = 5.0) -> bool:
    """Asks the hosts of some addresses for a sign of life, through the proxies that are set.

    Args:
        urls: http and https addresses; others are left out.
        timeout: Seconds for a host to be found, and again to answer.

    Returns:
        Whether any host answered in time. True if there is none to ask.
    """
    by_host = {urlsplit(url).netloc: url for url in urls if url.startswith("http")}
    answers = queue.Queue()
    for url in by_host.values():
        # Daemons: looking up a host name has no time limit of its own.
        ask = functools.partial(_answers, url, timeout)
        threading.Thread(target=lambda ask=ask: answers.put(ask()), daemon=True).start()
    try:
        return not by_host or any(answers.get(timeout=2 * timeout) for _ in by_host)
    except queue.Empty:
        return False


def _answers(url: str, timeout: float) -> bool:
    import requests

    try:
        requests.head(url, timeout=timeout, allow_redirects=False)
    except requests.ReadTimeout:
        return True  # connected, and slow
    except requests.RequestException:
        return False
    return True


def refuse_downloads(builder, message: str) -> None:
    """Has a builder prepare from what is on disk, and fail at once where it would download.

    Only TensorFlow Datasets itself knows what it finds on disk, in which of its folders, while it
    prepares. So it is let run; the download manager of this builder is the one that refuses, and
    no other request of the process is touched.

    Args:
        builder: The `tfds.core.DatasetBuilder`.
        message: What the `ConnectionError` says, before the address.
    """
    make_manager = builder._make_download_manager

    def make_offline_manager(**options):
        def refuse(resource):
            raise ConnectionError(f"{message} ({resource.url})")

        manager = make_manager(**options)
        manager._download = refuse
        return manager

    builder._make_download_manager = make_offline_manager
