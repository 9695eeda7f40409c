"""Checks what a client is made with, before anything is sent."""

import re
from urllib.parse import urlsplit

from zoo import checks
from zoo.errors import SettingError

__all__ = ["check_headers", "check_model", "check_seconds", "check_url"]

_LONGEST_SECONDS = 24 * 3600.0  # Beyond some centuries, clocks of operating systems overflow.
_LARGEST_VERSION = 2**63 - 1
_HEADER_NAME = re.compile(r"[0-9A-Za-z_.-]+")
_HEADER_VALUE = re.compile(r"([!-~][ -~]*)?")  # Printable ASCII that does not begin with a space.


def check_seconds(seconds, name):
    """Returns seconds as a float of a day at most.

    Raises:
        ValueError: They are no finite number above 0.
    """
    if not checks.is_number(seconds) or seconds <= 0:
        raise SettingError(name, "a finite number of seconds above 0", seconds)
    return min(float(seconds), _LONGEST_SECONDS)


def check_model(model, version, label):
    """Checks what says which model is asked.

    Raises:
        ValueError: One is not what it must be.
    """
    if not isinstance(model, str) or not model:
        raise SettingError("model", "the name that the server gives it", model)
    if version is not None and label is not None:
        raise ValueError(
            "version and label both choose a version: pass one of them. "
            f"Received: version={version!r}, label={label!r}"
        )
    if version is not None:
        checks.integer("version", version, least=0, most=_LARGEST_VERSION, why="up to 2**63 - 1")
    if label is not None and (not isinstance(label, str) or not label):
        raise SettingError("label", "a string such as 'stable'", label)


def check_headers(headers, is_grpc):
    """Checks that headers are a dict of strings that can be sent.

    Raises:
        ValueError: They are not; the message has no values, which may be secret.
    """
    if not isinstance(headers, dict):
        raise ValueError(f"headers must be a dict of strings. Received: {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(
                f"headers must be a dict of strings. Received: {name!r} with a value of type "
                f"{type(value).__name__}"
            )
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(
                "The name of a header has letters, digits, '-', '_' and '.' alone. "
                f"Received: {name!r}"
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(
                "The value of a header must be printable ASCII, without line breaks and without "
                f"spaces at its start. That of {name!r} is not."
            )
        if is_grpc and name.lower().endswith("-bin"):
            raise ValueError(
                "gRPC takes bytes for headers that end in '-bin', and this client sends strings: "
                f"use another name. Received: {name!r}"
            )


def check_url(url):
    """Checks that a URL has a host, and that its port, if any, is one.

    Raises:
        ValueError: It has not.
    """
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0
    except ValueError:  # Of the port, or of brackets.
        is_valid = False
    if not is_valid or re.search(r"\s", url):
        raise ValueError(
            "A REST address is http://host:port or https://host:port, such as "
            f"'http://localhost:8501'. Received: {url!r}"
        )
