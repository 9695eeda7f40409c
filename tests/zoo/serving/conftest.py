"""Exported models that the serving tests share, made once."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

import zoo
from tests import contract
from tests.tiers import cover
from tests.unchecked import unchecked_exports
from zoo.serving.check import open_session

LOG_PROB_SAMPLES = 3
PAIRS = [("ConvVAE", "GECO"), ("ConvDRAW", "ELBO")]
GREY_SHAPE = (4, 8, 1)
GREY_LOG_PROB_SAMPLES = 2
COLOUR_SHAPE = (4, 8, 3)  # Of images that can be PNG; those of the contract have two channels.


@dataclasses.dataclass(frozen=True)
class Exported:
    """A model, the folder it was exported to, and what answers its signatures."""

    model: keras.Model
    path: pathlib.Path | str
    answer: Callable | None = None


@pytest.fixture(scope="session")
def export_once(tmp_path_factory, images):
    """Trains a pair for a few steps, so that all state has moved, and exports it; once a pair."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def make(*pair):
            model = contract.make_compiled(*pair, run_eagerly=True)
            contract.train(model, images, num_steps=3)
            path = tmp_path_factory.mktemp("exported") / "new" / "parents" / "7"
            model.export(path, log_prob_samples=LOG_PROB_SAMPLES, metadata={"recipe": "none"})
            return Exported(model, path, stack.enter_context(open_session(str(path))))

        yield make


@pytest.fixture(params=cover(PAIRS, PAIRS[:1]), ids="-".join)
def exported(request, export_once):
    """Each architecture, with one objective or the other."""
    return export_once(*request.param)


@pytest.fixture
def small_export(export_once):
    """One of them, for what does not depend on the architecture."""
    return export_once(*PAIRS[0])


def graph_of(path):
    """Reads the GraphDef of a SavedModel."""
    saved_model = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    return saved_model.meta_graphs[0].graph_def


@pytest.fixture(scope="session")
def colour_export(tmp_path_factory):
    """A model of colour images, which has the signatures of encoded images too."""
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(COLOUR_SHAPE, latent_dim=3, filters=(4,), hidden_units=8)
    path = tmp_path_factory.mktemp("colour") / "1"
    with unchecked_exports():
        model.export(path, log_prob_samples=LOG_PROB_SAMPLES)
    with open_session(str(path)) as answer:
        yield Exported(model, path, answer)


def export_grey(path):
    """Exports a tiny model of grey images, which has every signature; returns the model."""
    keras.utils.set_random_seed(0)
    model = zoo.ConvVAE(GREY_SHAPE, latent_dim=3, filters=(4,), hidden_units=8)
    with unchecked_exports():
        model.export(path, log_prob_samples=GREY_LOG_PROB_SAMPLES)
    return model


@pytest.fixture(scope="session")
def grey(tmp_path_factory):
    """It, exported once, as version 7 of `grey`."""
    path = str(tmp_path_factory.mktemp("served") / "grey" / "7")
    return Exported(export_grey(path), path)


@pytest.fixture(scope="session")
def requests_of(images):
    """Makes a request of many rows for each signature of an exported model."""

    def make(exported):
        rows = np.arange(len(images))
        known = {
            "image": images,
            "seed": np.stack([np.full_like(rows, 11), rows], axis=1).astype(np.int32),
            "temperature": np.linspace(0.0, 1.5, len(images)).astype(np.float32),
        }
        latents = exported.model.encode(images, seed=3)
        groups = {f"latents_{i}": group.numpy() for i, group in enumerate(latents)}
        image, seed = {"image": known["image"]}, {"seed": known["seed"]}
        return {
            "serving_default": image,
            "reconstruct": image,
            "encode": image,
            "decode": groups,
            "sample": seed | {"temperature": known["temperature"]},
            "log_prob": image | seed,
        }

    return make
