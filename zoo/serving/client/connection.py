"""Chooses how to talk to a server: gRPC or REST, in the clear or with TLS."""

import dataclasses
import os

from zoo import checks
from zoo.errors import SettingError
from zoo.serving.client import options

__all__ = ["Tls", "connect"]


@dataclasses.dataclass(frozen=True)
class Tls:
    """Paths of PEM files; without root certificates, those that the system trusts."""

    root_certificates: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


def connect(address, model, version, label, protocol, tls, headers):
    """Makes what sends requests to one model. Nothing is sent yet.

    Args:
        address: "host:port", or for REST also "http://host:port" or "https://host:port".
        model: Name of the model.
        version: Number of a version, or None.
        label: Label of a version, or None.
        protocol: "grpc", "rest", or None to read it off the address.
        tls: A `Tls`, or None.
        headers: Dict of strings.

    Returns:
        A `GrpcTransport` or a `RestTransport`.

    Raises:
        ValueError: An argument is not what it must be.
        ImportError: The package for this protocol is missing.
    """
    if not isinstance(address, str) or not address:
        expected = "a server's 'host:port', or 'http://host:port' for REST"
        raise SettingError("address", expected, address)
    options.check_model(model, version, label)
    is_url = address.startswith(("http://", "https://"))
    protocol = protocol or ("rest" if is_url else "grpc")
    checks.choice("protocol", protocol, ("grpc", "rest"))
    options.check_headers(headers, is_grpc=protocol == "grpc")
    if protocol == "grpc" and "://" in address:
        raise ValueError(
            "A gRPC address is host:port, such as 'localhost:8500', without a scheme; TLS is asked "
            f"for by secure=True. Received: address={address!r}"
        )
    if address.startswith("http://") and tls is not None:
        raise ValueError(f"TLS needs an address that starts with https://. Received: {address!r}")
    if tls is not None:
        _check_files(tls)
    # Imported when chosen: each needs a package that the other does not.
    if protocol == "grpc":
        from zoo.serving.client.grpc_transport import GrpcTransport

        return GrpcTransport(address, model, version, label, tls, headers)
    from zoo.serving.client.rest_transport import RestTransport

    url = address if is_url else f"http{'' if tls is None else 's'}://{address}"
    options.check_url(url)
    return RestTransport(url, model, version, label, tls, headers)


def _check_files(tls):
    if (tls.client_certificate is None) != (tls.client_key is None):
        raise ValueError("client_certificate and client_key go together: pass both or neither.")
    for name, path in dataclasses.asdict(tls).items():
        if path is not None and not os.path.isfile(path):
            raise SettingError(name, "the path of a PEM file", path)
