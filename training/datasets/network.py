"""Whether there is a network, so that a download without one fails in seconds, not minutes."""

import contextlib
import queue
import threading
from collections.abc import Iterable
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0


def can_reach(urls: Iterable[str]) -> bool:
    """Asks the hosts of some addresses for a sign of life, through the proxies that are set.

    Args:
        urls: http and https addresses; others are left out.

    Returns:
        Whether any host answered within `TIMEOUT_SECONDS`. True if there is none to ask.
    """
    by_host = {urlsplit(url).netloc: url for url in urls if url.startswith("http")}
    answers = queue.Queue()
    for url in by_host.values():
        # Daemons: looking up a host name has no time limit of its own.
        threading.Thread(target=lambda url=url: answers.put(_answers(url)), daemon=True).start()
    try:
        return not by_host or any(answers.get(timeout=2 * TIMEOUT_SECONDS) for _ in by_host)
    except queue.Empty:
        return False


def _answers(url: str) -> bool:
    import requests

    try:
        requests.head(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.ReadTimeout:
        return True  # connected, and slow
    except requests.RequestException:
        return False
    return True


@contextlib.contextmanager
def refuse_requests(message: str):
    """Within it, every request of this process fails at once.

    TensorFlow Datasets offers no limit to its ten retries, and finds what it has on disk only
    while it prepares; so it is let run, and stopped where it turns to the network.
    """
    import requests

    def refuse(session, method, url, **options):
        raise requests.ConnectionError(f"{message} ({url})")

    original = requests.Session.request
    requests.Session.request = refuse
    try:
        yield
    finally:
        requests.Session.request = original
