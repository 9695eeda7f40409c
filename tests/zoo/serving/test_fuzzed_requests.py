"""Fuzzed requests crash nothing, hurt nobody who is served beside them, and are told their fault.

`python benchmarks/fuzzed_requests.py` does the same with 10,000.
"""

import io

import keras
import numpy as np
import PIL.Image

import zoo
from tests.zoo.serving import fuzzing
from tests.zoo.serving.double import Double
from tests.zoo.serving.fuzzed_requests import GRPC_KINDS, REST_KINDS

SHAPE = (4, 8, 1)
ROWS = 2


def export_model(path):
    """Exports a tiny model of grey images, which has all signatures; returns the model."""
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(SHAPE, latent_dim=3, filters=(2,), hidden_units=4)
    model.export(path, log_prob_samples=1)
    return model


def valid_requests():
    """Valid inputs of each signature."""
    rng = np.random.default_rng(0)
    image = rng.random((ROWS, *SHAPE), np.float32)
    seed = np.arange(2 * ROWS, dtype=np.int32).reshape(ROWS, 2)
    drawn = {"seed": seed, "temperature": np.ones(ROWS, np.float32)}
    files = np.array([_as_png(one) for one in np.uint8(255 * image)] + [None], object)[:ROWS]
    return {
        "reconstruct": {"image": image},
        "encode": {"image": image},
        "decode": {"latents_0": np.zeros([ROWS, 3], np.float32)},
        "sample": drawn,
        "sample_encoded": drawn,
        "log_prob": {"image": image, "seed": seed},
        "reconstruct_encoded": {"image_bytes": files},
    }


def expected_answers(model):
    """What the client's methods must give meanwhile: name to (arguments, answer)."""
    image = valid_requests()["encode"]["image"]
    latents = tuple(group.numpy() for group in model.encode(image))
    return {
        "reconstruct": ((image,), model.reconstruct(image).numpy()),
        "encode": ((image,), latents),
        "decode": ((latents,), model.decode(latents).mean().numpy()),
        "sample": ((3, 5), model.sample(3, seed=5).numpy()),
        "log_prob": ((image, 4), model.log_prob(image, 1, seed=4).numpy()),
    }


def _as_png(image):
    data = io.BytesIO()
    PIL.Image.fromarray(image[..., 0]).save(data, "png")
    return data.getvalue()


def test_fuzzed_requests(tmp_path):
    model = export_model(tmp_path / "vae" / "1")
    num_requests = 8 * (len(GRPC_KINDS) + len(REST_KINDS))
    with Double({"vae": str(tmp_path / "vae" / "1")}) as double:
        report = fuzzing.run(double, valid_requests(), expected_answers(model), num_requests)
    counts, examples = report["counts"], report["examples"]
    assert report["well afterwards"]
    assert counts["crashes"] == 0, examples["crashes"]
    assert counts["not named"] == 0, examples["not named"]
    assert counts["valid calls failed"] == 0, examples["valid calls failed"]
    assert counts["valid calls wrong"] == 0, examples["valid calls wrong"]
    assert counts["valid calls right"] > 0
    # Else nothing was fuzzed.
    assert counts["named"] > num_requests / 2
