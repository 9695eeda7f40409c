"""The client of a served model gives what the Keras model gives, over gRPC and REST.

Each test runs against the test double, and against a real server with `--enable_batching` where the
environment variable TENSORFLOW_MODEL_SERVER names its binary.
"""

import concurrent.futures
import io
import pathlib

import keras
import numpy as np
import PIL.Image
import pytest

import zoo
from tests import contract
from tests.unchecked import unchecked_exports
from tests.zoo.serving.client.conftest import GREY_SHAPE, LOG_PROB_SAMPLES
from tests.zoo.serving.conftest import Exported
from tests.zoo.serving.double import Double
from tests.zoo.serving.real_server import start_real_server
from zoo import serving

LARGEST_BATCH = 8


def _classifier():
    keras.utils.set_random_seed(0)
    return zoo.ConvClassifier((8, 8, 1), num_classes=3, filters=(2, 2, 2, 2))


@pytest.fixture(scope="module")
def exported(grey, tmp_path_factory):
    """The models that are served, by name."""
    folder = tmp_path_factory.mktemp("served")
    sizes = {"num_steps": 1, "filters": 2, "latent_filters": 1, "kernel_size": 3}
    conditional = zoo.ConvDRAW(contract.IMAGE_SHAPE, context_shape=(4, 8, 1), **sizes)
    classifier = _classifier()
    with unchecked_exports():
        conditional.export(folder / "conditional" / "7", log_prob_samples=LOG_PROB_SAMPLES)
        classifier.export(folder / "classifier" / "7")
    return {
        "grey": grey,
        "conditional": Exported(conditional, str(folder / "conditional" / "7")),
        "classifier": Exported(classifier, str(folder / "classifier" / "7")),
    }


@pytest.fixture(scope="module")
def models(exported):
    """The Keras models by name."""
    return {name: one.model for name, one in exported.items()}


@pytest.fixture(scope="module", params=["double", "real"])
def server(request, exported, tmp_path_factory):
    """A server of all of them that takes few rows at once."""
    paths = {name: one.path for name, one in exported.items()}
    if request.param == "double":
        with Double(paths, max_batch_size=LARGEST_BATCH) as double:
            yield double
    else:
        folder = pathlib.Path(tmp_path_factory.mktemp("real"))
        with start_real_server(paths, folder, LARGEST_BATCH) as real:
            yield real


@pytest.fixture(params=["grpc", "rest"])
def connect(request, server):
    """Makes a client of a model, and closes it at the end."""
    clients = []
    address = server.grpc_address if request.param == "grpc" else server.rest_address

    def make(model, **options):
        clients.append(serving.Client(address, model, **({"deadline": 30} | options)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def grey_images():
    return np.random.default_rng(3).random((6, *GREY_SHAPE), np.float32)


def _images_for(model, num):
    return np.random.default_rng(4).random((num, *model.image_shape), np.float32)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", ["grey", "conditional"])
def test_methods_are_those_of_the_keras_model(name, models, connect):
    model, client = models[name], connect(name)
    images = _images_for(model, 5)
    context = contract.context_of(model, images)
    latents = model.encode(images, **context)
    close = contract.assert_close
    assert isinstance(client.encode(images, **context), tuple)
    close(client.encode(images, **context), latents)
    groups = [group.numpy() for group in latents]
    close(client.decode(groups, **context), model.decode(latents, **context).mean())
    close(client.reconstruct(images, **context), model.reconstruct(images, **context))
    # Seeds of all kinds, also where the row's number passes the largest int32.
    for seed in (11, (-3, 5), np.array([2**31 - 1, 2**31 - 2])):
        options = {"seed": seed, "temperature": 0.7}
        close(client.sample(5, **options, **context), model.sample(5, **options, **context))
    by_row = np.linspace(0, 1.5, 5, dtype=np.float32)
    close(
        client.sample(5, seed=1, temperature=by_row, **context),
        model.sample(5, seed=1, temperature=by_row, **context),
    )
    close(
        client.log_prob(images, seed=(1, 2), **context),
        model.log_prob(images, LOG_PROB_SAMPLES, seed=(1, 2), **context),
    )


def test_bytes_are_scaled_as_the_model_does(models, connect):
    images = np.random.default_rng(5).integers(0, 256, (3, *GREY_SHAPE)).astype(np.uint8)
    client = connect("grey")
    contract.assert_close(client.encode(images), models["grey"].encode(images))
    # Of one group of latents, the array alone will do.
    latents = client.encode(images)[0]
    contract.assert_close(client.decode(latents), client.decode((latents,)))


def test_without_a_seed_each_sample_is_another(connect):
    client = connect("grey")
    assert np.abs(client.sample(2) - client.sample(2)).max() > 0
    np.testing.assert_array_equal(client.sample(2, seed=0), client.sample(2, seed=0))


def test_many_rows_come_in_parts_and_in_order(models, connect):
    model, num = models["grey"], 3 * LARGEST_BATCH + 5
    images = _images_for(model, num)
    # More rows than the server takes, which the client learns; and fewer, as it is told.
    for max_batch_size in (1000, 3):
        client = connect("grey", max_batch_size=max_batch_size)
        contract.assert_close(client.sample(num, seed=(0, 9)), model.sample(num, seed=(0, 9)))
        contract.assert_close(client.encode(images), model.encode(images))
        contract.assert_close(
            client.log_prob(images, seed=4), model.log_prob(images, LOG_PROB_SAMPLES, seed=4)
        )


def test_no_rows_are_answered_without_asking(models, connect):
    client = connect("grey")
    client.signatures()
    nothing = np.zeros([0, *GREY_SHAPE], np.float32)
    (latents,) = models["grey"].encode(nothing)
    assert client.sample(0).shape == (0, *GREY_SHAPE)
    assert client.reconstruct(nothing).shape == (0, *GREY_SHAPE)
    assert [group.shape for group in client.encode(nothing)] == [tuple(latents.shape)]
    assert client.decode(np.zeros(latents.shape)).shape == (0, *GREY_SHAPE)
    assert client.log_prob(nothing).shape == (0,)
    assert client.log_prob(nothing).dtype == np.float32
    assert client.sample_encoded(0) == []
    assert client.reconstruct_encoded([]).image_bytes == []


def _as_png(image):
    data = io.BytesIO()
    PIL.Image.fromarray(image[..., 0]).save(data, "png")
    return data.getvalue()


def _pixels(data):
    return np.array([np.asarray(PIL.Image.open(io.BytesIO(png))) for png in data])[..., None]


def test_encoded_images(models, connect):
    model, client = models["grey"], connect("grey")
    images = np.random.default_rng(6).integers(0, 256, (LARGEST_BATCH + 3, *GREY_SHAPE))
    images = images.astype(np.uint8)
    answer = client.reconstruct_encoded([_as_png(image) for image in images])
    expected = model.reconstruct(images).numpy()
    assert np.abs(_pixels(answer.image_bytes) / 255.0 - expected).max() <= 0.51 / 255
    rmse = np.sqrt(np.mean((expected - images / 255.0) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(answer.rmse, rmse, atol=2e-3)
    drawn = _pixels(client.sample_encoded(3, seed=5)) / 255.0
    assert np.abs(drawn - model.sample(3, seed=5)).max() <= 0.51 / 255


def test_a_file_that_cannot_be_read_is_named_by_its_row(connect):
    client = connect("grey", max_batch_size=4)
    files = [_as_png(image) for image in np.zeros((7, *GREY_SHAPE), np.uint8)]
    files[5] = files[5][:40]
    with pytest.raises(serving.InvalidInputError, match=r"row 5: .*image_bytes"):
        client.reconstruct_encoded(files)
    with pytest.raises(serving.InvalidInputError, match="image_bytes"):
        client.reconstruct_encoded([files[5]])
    files[5] = b"GIF89a"
    with pytest.raises(serving.InvalidInputError, match=r"image_bytes\[5\].*GIF89a"):
        client.reconstruct_encoded(files)


def test_classifier(models, connect):
    model, client = models["classifier"], connect("classifier")
    images = _images_for(model, 3)
    contract.assert_close(client.classify(images), model(images))
    contract.assert_close(client.features(images), model.features(images))
    with pytest.raises(serving.SignatureNotFoundError, match=r"no signature `sample`.*`classify`"):
        client.sample(1)


def test_what_a_server_does_not_have(connect, server):
    version = connect("grey", version=7)
    assert version.sample(1, seed=0).shape == (1, *GREY_SHAPE)
    assert version.signatures()["encode"].inputs["image"].shape == (None, *GREY_SHAPE)
    for options in ({"version": 8}, {"label": "stable"}, {}):
        name = "grey" if options else "gray"
        with serving.Client(server.grpc_address, name, **options) as client:
            with pytest.raises(serving.ModelNotFoundError, match=name):
                client.sample(1)
            with pytest.raises(serving.DeadlineExceededError, match="Last seen"):
                client.wait_until_available(0.1)


def test_threads_share_a_client(models, connect, grey_images):
    client = connect("grey")
    expected = models["grey"].sample(40, seed=0).numpy()
    reconstructions = models["grey"].reconstruct(grey_images)

    def ask(row):
        contract.assert_close(client.reconstruct(grey_images), reconstructions)
        return client.sample(1, seed=(0, row))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        contract.assert_close(np.concatenate(list(pool.map(ask, range(40)))), expected)


@pytest.mark.slow
def test_a_model_that_draws_pixels(tmp_path):
    model = contract.make_model("PixelVAE")
    model.export(tmp_path / "pixel" / "1", log_prob_samples=LOG_PROB_SAMPLES)
    images = _images_for(model, 4)
    with Double({"pixel": str(tmp_path / "pixel" / "1")}) as double:
        for address in (double.grpc_address, double.rest_address):
            with serving.Client(address, "pixel") as client:
                # Rounding may move a drawn level, and then all later ones are drawn anew.
                seed = (2, 3)
                for actual, expected in [
                    (client.reconstruct(images), model.reconstruct(images)),
                    (client.reconstruct(images, seed=seed), model.reconstruct(images, seed=seed)),
                    (client.sample(4, seed=8), model.sample(4, seed=8)),
                ]:
                    is_same = np.abs(actual - expected).max(axis=(1, 2, 3)) < 1e-5
                    assert is_same.mean() >= 0.5
                latents = client.encode(images)
                first = client.decode(latents)
                np.testing.assert_array_equal(first, client.decode(latents, seed=0))
                assert np.abs(first - client.decode(latents, seed=1)).max() > 0
