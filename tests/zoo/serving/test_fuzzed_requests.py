"""Fuzzed requests crash nothing, hurt nobody who is served beside them, and are told their fault.

`python benchmarks/fuzzed_requests.py` does the same with 10,000.
"""

import io

import numpy as np
import PIL.Image
import pytest

from tests.zoo.serving import fuzzing
from tests.zoo.serving.conftest import GREY_LOG_PROB_SAMPLES, GREY_SHAPE
from tests.zoo.serving.double import Double
from tests.zoo.serving.fuzzed_requests import GRPC_KINDS, REST_KINDS

ROWS = 2


def valid_requests():
    """Valid inputs of each signature."""
    rng = np.random.default_rng(0)
    image = rng.random((ROWS, *GREY_SHAPE), np.float32)
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


def expected_answers(model, log_prob_samples):
    """What the client's methods must give meanwhile: name to (arguments, answer)."""
    image = valid_requests()["encode"]["image"]
    latents = tuple(group.numpy() for group in model.encode(image))
    return {
        "reconstruct": ((image,), model.reconstruct(image).numpy()),
        "encode": ((image,), latents),
        "decode": ((latents,), model.decode(latents).mean().numpy()),
        "sample": ((3, 5), model.sample(3, seed=5).numpy()),
        "log_prob": ((image, 4), model.log_prob(image, log_prob_samples, seed=4).numpy()),
    }


def _as_png(image):
    data = io.BytesIO()
    PIL.Image.fromarray(image[..., 0]).save(data, "png")
    return data.getvalue()


@pytest.mark.thorough
def test_fuzzed_requests(grey):
    num_requests = 8 * (len(GRPC_KINDS) + len(REST_KINDS))
    expected = expected_answers(grey.model, GREY_LOG_PROB_SAMPLES)
    with Double({"vae": grey.path}) as double:
        report = fuzzing.run(double, valid_requests(), expected, num_requests)
    counts, examples = report["counts"], report["examples"]
    assert report["well afterwards"]
    assert counts["crashes"] == 0, examples["crashes"]
    assert counts["not named"] == 0, examples["not named"]
    assert counts["valid calls failed"] == 0, examples["valid calls failed"]
    assert counts["valid calls wrong"] == 0, examples["valid calls wrong"]
    assert counts["valid calls right"] > 0
    # Else nothing was fuzzed.
    assert counts["named"] > num_requests / 2
