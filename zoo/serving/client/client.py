"""A client of a served model: the methods of the Keras model, with NumPy in and out."""

from typing import NamedTuple

import numpy as np

from zoo import checks
from zoo.serving.client.availability import wait_until_available
from zoo.serving.client.connection import Tls, connect
from zoo.serving.client.options import check_seconds
from zoo.serving.client.requester import Requester
from zoo.serving.client.rows import no_rows, num_rows
from zoo.serving.client.served_signature import find_signature
from zoo.serving.client.signature_inputs import as_inputs, latent_names

__all__ = ["Client", "EncodedReconstructions"]


class EncodedReconstructions(NamedTuple):
    """What `Client.reconstruct_encoded` gives.

    Attributes:
        image_bytes: List of N PNG files, each a bytes object.
        rmse: float32 `[N]`, root mean square error against the images sent, in pixel units.
    """

    image_bytes: list
    rmse: np.ndarray


class Client:
    """Calls a model that TensorFlow Serving serves, by gRPC or REST. Needs no TensorFlow.

    The methods mean what those of the Keras model mean: `client.sample(n, seed=s)` gives the images
    of `model.sample(n, seed=s)`. Calls of any number of rows are split into requests that the
    server takes, several of them in flight, and the answers come in order. Arguments are checked
    before anything is sent. A refusal that may pass (the server is starting, busy, or another
    client's odd request was in the same batch) is repeated, with growing pauses, until the
    deadline. Threads may share a client; processes made by `fork` may not.

    Args:
        address: "host:port" of the server's gRPC port (usually 8500), or "http://host:port" or
            "https://host:port" of its REST port (usually 8501), which is many times slower.
        model: Name of the model at the server.
        version: Number of a version; None for the newest.
        label: Label of a version, such as "stable", instead of a number.
        protocol: "grpc" or "rest"; None to read it off the address.
        max_batch_size: The most rows of a request. A server that takes fewer says so, and the
            client splits further.
        deadline: Seconds for each call, all of its parts and repetitions together, a day at most.
            The first call also asks for the signatures, and has as many for that.
        max_retries: How often a request is repeated that the server refuses as UNAVAILABLE or
            RESOURCE_EXHAUSTED.
        secure: Whether to use TLS; certificates given below turn it on.
        root_certificates: PEM file of the authorities to trust; None for those that are built in.
        client_certificate: PEM file of the certificate to show to the server.
        client_key: PEM file of its key.
        headers: Dict of strings sent with every request, such as
            `{"authorization": "Bearer ..."}`.

    Raises:
        ValueError: An argument is not what it must be.
        ImportError: The packages of `vae-zoo[serving]` are missing.

    Every method raises a `zoo.serving.ServingError`: `InvalidInputError` for a wrong argument,
    `SignatureNotFoundError` for what this model cannot do, `ModelNotFoundError`,
    `UnreachableError`, `OverloadedError`, `DeadlineExceededError`, `AccessDeniedError`.

    Example:
        >>> with zoo.serving.Client("localhost:8500", "conv_draw_mnist") as client:
        ...     client.wait_until_available(timeout=60)
        ...     images = client.sample(16, seed=0)  # float32 [16, 28, 28, 1]
        ...     latents = client.encode(images.clip(0, 1))
        ...     reconstructions = client.decode(latents)
    """

    def __init__(
        self,
        address,
        model,
        version=None,
        label=None,
        protocol=None,
        max_batch_size=64,
        deadline=60.0,
        max_retries=6,
        secure=False,
        root_certificates=None,
        client_certificate=None,
        client_key=None,
        headers=None,
    ):
        checks.integer("max_batch_size", max_batch_size)
        checks.integer("max_retries", max_retries, least=0)
        deadline = check_seconds(deadline, "deadline")
        tls = Tls(root_certificates, client_certificate, client_key)
        tls = tls if secure or tls != Tls() else None
        self._transport = connect(
            address, model, version, label, protocol, tls, {} if headers is None else headers
        )
        chosen = f" version {version}" if version is not None else f" label {label!r}"
        chosen = "" if version is None and label is None else chosen
        self._where = f"model {model!r}{chosen} at {address}"
        self._requester = Requester(
            self._transport, self._where, max_batch_size, deadline, max_retries
        )

    # === What the model answers ===

    def encode(self, images, context=None, tolerance=None):
        """Returns the latents of images, a tuple of float32 arrays; posterior means.

        Args:
            images: `[N, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model, `[N, ...]`, likewise.
            tolerance: Of a model with a range of tolerances, which takes no default: a number or
                one a row, in pixel units.

        Example:
            >>> latents = client.encode(images)
        """
        given = {"image": images, "context": context, "tolerance": tolerance}
        outputs = self._answer("encode", given, "latents_0")
        return tuple(outputs[name] for name in latent_names(outputs))

    def decode(self, latents, context=None, seed=None, tolerance=None):
        """Returns the likelihood's means at latents, `[N, H, W, C]` in pixel units.

        Args:
            latents: Tuple of arrays `[N, ...]`, as in `encode`.
            context: Context images of a conditional model.
            seed: An int or two ints, for a model that draws pixels (PixelVAE) alone; None is 0.
            tolerance: As in `encode`.

        Example:
            >>> client.decode(client.encode(images))  # float32 [N, 28, 28, 1]
        """
        given = {"latents": latents, "context": context, "seed": seed, "tolerance": tolerance}
        return self._answer("decode", given, "image")["image"]

    def reconstruct(self, images, context=None, seed=None, tolerance=None, mask=None):
        """Returns the likelihood's means at the images' posterior means, `[N, H, W, C]`.

        Args:
            images: `[N, H, W, C]`, float in [0, 1] or uint8.
            context: Context images of a conditional model.
            seed: As in `decode`, and beside a mask.
            tolerance: As in `encode`.
            mask: Which pixels are seen, 1, or hidden, 0: `[H, W]` or `[N, H, W]`, for a model that
                takes masks (`zoo.ShortRunModel`). Hidden ones are filled in, at drawn latents.

        Example:
            >>> client.reconstruct(images)  # float32 [N, 28, 28, 1]
            >>> upper_half = np.arange(28)[:, None] < 14 * np.ones(28)  # [28, 28]
            >>> with zoo.serving.Client("localhost:8500", "short_run_mnist") as client:
            ...     client.reconstruct(images, mask=upper_half, seed=1)  # hidden pixels filled in
        """
        given = {"image": images, "context": context, "seed": seed, "tolerance": tolerance}
        given["mask"] = mask
        name = "reconstruct" if mask is None else "fill_in"
        return self._answer(name, given, "reconstruction")["reconstruction"]

    def sample(self, num, seed=None, temperature=1.0, context=None, tolerance=None):
        """Draws images, `[num, H, W, C]` in pixel units.

        Args:
            num: Number of images.
            seed: An int or two ints; row i depends on (a, b + i) alone. None: a fresh one.
            temperature: Scales the prior's standard deviations; a number or `[num]`.
            context: Context images of a conditional model, `[num, ...]`.
            tolerance: As in `encode`.

        Example:
            >>> client.sample(16, seed=0, temperature=0.8)  # float32 [16, 28, 28, 1]
        """
        given = {"num": num, "seed": seed, "temperature": temperature, "context": context}
        given["tolerance"] = tolerance
        return self._answer("sample", given, "image")["image"]

    def log_prob(self, images, seed=0, context=None, tolerance=None):
        """Returns a lower bound on log p(x) of 256-level images, in nats, float32 `[N]`.

        The number of importance samples was fixed when the model was exported.

        Args:
            images: `[N, H, W, C]`, float in [0, 1] or uint8.
            seed: An int or two ints; row i depends on (a, b + i) alone. None: a fresh one.
            context: Context images of a conditional model.
            tolerance: As in `encode`.

        Example:
            >>> client.log_prob(images)
        """
        given = {"image": images, "context": context, "seed": seed, "tolerance": tolerance}
        return self._answer("log_prob", given, "log_prob")["log_prob"]

    def reconstruct_encoded(self, image_bytes, context=None, seed=None, tolerance=None):
        """Reconstructs PNG or JPEG files, as PNG files.

        Args:
            image_bytes: List of N files, each a bytes object, of the model's height and width,
                upright: one with a camera's orientation (EXIF) is refused, as is one in CMYK.
            context: Context images of a conditional model, arrays as in `reconstruct`.
            seed: As in `reconstruct`.
            tolerance: As in `encode`.

        Returns:
            `EncodedReconstructions`: `image_bytes`, N PNG files, and `rmse`, float32 `[N]`.

        Example:
            >>> files, rmse = client.reconstruct_encoded(client.sample_encoded(4, seed=0))
        """
        given = {"image_bytes": image_bytes, "context": context, "seed": seed}
        given["tolerance"] = tolerance
        outputs = self._answer("reconstruct_encoded", given, "reconstruction_bytes", "rmse")
        return EncodedReconstructions(list(outputs["reconstruction_bytes"]), outputs["rmse"])

    def sample_encoded(self, num, seed=None, temperature=1.0, context=None, tolerance=None):
        """Draws images as a list of `num` PNG files, each a bytes object; see `sample`.

        Example:
            >>> import pathlib
            >>> [png] = client.sample_encoded(1, seed=0)
            >>> pathlib.Path("sample.png").write_bytes(png)
        """
        given = {"num": num, "seed": seed, "temperature": temperature, "context": context}
        given["tolerance"] = tolerance
        return list(self._answer("sample_encoded", given, "image_bytes")["image_bytes"])

    def classify(self, images):
        """Returns a classifier's probabilities, float32 `[N, K]`, for images `[N, H, W, C]`.

        Example:
            >>> with zoo.serving.Client("localhost:8500", "classifier_mnist") as client:
            ...     classes = client.classify(images).argmax(axis=1)  # [N]
        """
        return self._answer("classify", {"image": images}, "probabilities")["probabilities"]

    def features(self, images):
        """Returns a classifier's features, float32 `[N, F]` of no unit, for images.

        Example:
            >>> with zoo.serving.Client("localhost:8500", "classifier_mnist") as client:
            ...     features = client.features(images)
        """
        return self._answer("features", {"image": images}, "features")["features"]

    # === The server ===

    def signatures(self):
        """Returns what the model answers: a dict of name to `ServedSignature`, asked for once.

        Example:
            >>> client.signatures()["sample"].inputs
        """
        return self._requester.signatures()

    def wait_until_available(self, timeout=60.0):
        """Returns when the server answers and has the model, the version or the label.

        A label answers once its version is loaded; until then it is NOT_FOUND to the server.

        Args:
            timeout: Seconds, a day at most.

        Raises:
            ValueError: `timeout` is no finite number above 0.
            DeadlineExceededError: It does not in time; the message says what was seen last.
            ServingError: The server failed to load the model, and says why.

        Example:
            >>> client.wait_until_available(timeout=60)
        """
        self._requester.check_open()
        timeout = check_seconds(timeout, "timeout")
        wait_until_available(self._transport, self._where, timeout)

    def close(self):
        """Closes the connections; calls of other threads that are under way fail.

        Example:
            >>> client = zoo.serving.Client("localhost:8500", "conv_draw_mnist")
            >>> client.sample(4, seed=0)
            >>> client.close()
        """
        self._requester.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _answer(self, name, given, *wanted):
        """Asks for a signature's outputs, of which there must be those `wanted`."""
        signature = find_signature(self.signatures(), name, wanted, self._where)
        inputs = as_inputs(name, signature, given)
        if num_rows(inputs) == 0:  # The server would wait for rows until the deadline.
            return no_rows(signature)
        return self._requester.run(name, signature, inputs)
