"""Waits until a server has loaded its models: as long as anything moves, not by the clock."""

import json
import pathlib
import time
import urllib.error
import urllib.request

from zoo.errors import UserError

__all__ = ["fail", "loaded_versions", "states_of", "wait_until_loaded"]

PATIENCE_SECONDS = 600  # Without any change of a state or of the log.
_POLL_SECONDS = 0.1
_REPORT_SECONDS = 10
_STATUS_SECONDS = 5
_LOG_LINES = 15


def wait_until_loaded(versions, rest_port, log, check):
    """Waits until the versions are AVAILABLE, and prints now and then what is missing.

    Args:
        versions: Name of each model to the versions (ints) to wait for.
        rest_port: Where the server answers REST.
        log: Path of the server's log.
        check: Called again and again; raises when the server has ended.

    Raises:
        UserError: A version could not be loaded, or nothing has moved for ten minutes; the message
            ends with the last lines of the log.
    """
    before, moved = None, time.monotonic()
    reported = moved
    while True:
        check()
        states = {name: states_of(name, rest_port) for name in versions}
        missing = _missing(versions, states, log)
        if not missing:
            return
        now, seen = time.monotonic(), (states, _size(log))
        if seen != before:
            before, moved = seen, now
        if now - moved > PATIENCE_SECONDS:
            fail(f"For {PATIENCE_SECONDS:g} s nothing moved, and not loaded are {missing}", log)
        if now - reported > _REPORT_SECONDS:
            reported = now
            print(f"  still to be loaded: {missing}", flush=True)
        time.sleep(_POLL_SECONDS)


def loaded_versions(name, rest_port):
    """Returns the versions of a model that are AVAILABLE at a server, a set of ints."""
    states = states_of(name, rest_port).items()
    return {version for version, (state, _) in states if state == "AVAILABLE"}


def fail(what, log):
    """Raises a UserError that ends with the last lines of the server's log."""
    try:
        lines = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    last = "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (empty)"
    raise UserError(f"{what}. The last lines of its log, {log}:\n{last}")


def _missing(versions, states, log):
    """Says what is not AVAILABLE, "" if all is; raises if a version failed to load."""
    missing = []
    for name, wanted in versions.items():
        for version in wanted:
            state, error = states[name].get(version, ("not there yet", None))
            if state == "END" and error:
                fail(f"The server could not load {name} version {version}: {error}", log)
            if state != "AVAILABLE":
                missing.append(f"{name} version {version} ({state})")
    return ", ".join(missing)


def _size(log):
    try:
        return pathlib.Path(log).stat().st_size
    except OSError:
        return 0


def states_of(name, rest_port):
    """Asks for a model's versions: each one's state and, if there is one, its error."""
    # By urllib, for the client and its packages are an extra. No proxy, which the environment may
    # name: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"http://localhost:{rest_port}/v1/models/{name}"
    try:
        with opener.open(url, timeout=_STATUS_SECONDS) as answer:
            found = json.load(answer)["model_version_status"]
    except urllib.error.HTTPError as error:
        error.close()
        return {}  # The model has no versions yet.
    except (OSError, ValueError, KeyError):
        return {}  # The server listens only once all is loaded.
    return {
        int(each["version"]): (each["state"], each.get("status", {}).get("error_message"))
        for each in found
    }
