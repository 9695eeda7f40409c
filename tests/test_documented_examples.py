"""The examples of public docstrings: each name has one, names what exists, and runs."""

import ast
import doctest
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.test_documented_python import check_call, resolve
from tests.zoo.serving.double import Double
from training import datasets

PARTS = ("codec", "constraints", "distributions", "divergences", "objectives", "random")
MODULES = (zoo, *(getattr(zoo, name) for name in (*PARTS, "sampling", "schedules", "serving")))
# What an example is a part of: it is about one class and begins with a model of it.
MODELS = {
    "ChartVAE": lambda: zoo.ChartVAE((28, 28, 1), num_charts=2),
    "Diffusion": lambda: zoo.Diffusion((28, 28, 1), num_steps=4, filters=(8,)),
    "PiecewiseAffineVAE": lambda: zoo.PiecewiseAffineVAE((28, 28, 1), hidden_units=(4,)),
    "SequentialVAE": lambda: zoo.SequentialVAE((28, 28, 1), num_steps=2),
    "sample_pixels": lambda: zoo.PixelVAE((28, 28, 1)),
    "sample_pixels_naively": lambda: zoo.PixelVAE((28, 28, 1)),
    "LosslessCodec": lambda: zoo.PixelVAE((28, 28, 1)),
    "InfusionModel": lambda: zoo.InfusionModel((28, 28, 1)),
}


def example_of(thing):
    """Returns the Python of a docstring's example, "" without one."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    return "".join(example.source for example in examples)


def public():
    """Yields the name and the object of all that is public, and of the methods of its classes."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            is_error = inspect.isclass(thing) and issubclass(thing, Exception)
            if inspect.ismodule(thing) or is_error:
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for method, function in vars(thing).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{module.__name__}.{name}.{method}", function


PUBLIC = dict(public())
EXAMPLES = {name: example_of(thing) for name, thing in PUBLIC.items() if example_of(thing)}


def test_every_function_and_class_has_one():
    names = {f"{module.__name__}.{name}" for module in MODULES for name in module.__all__}
    assert names & set(PUBLIC) <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_named_exists_and_takes_what_it_is_given(name):
    for node in ast.walk(ast.parse(EXAMPLES[name])):
        resolve(node)
        if isinstance(node, ast.Call):
            check_call(node)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in EXAMPLES if not n.startswith("zoo.serving.Client")])
def test_it_runs(name, tmp_path, monkeypatch):
    """On few images, so that an epoch is a step."""
    monkeypatch.chdir(tmp_path)
    images = datasets.load("digits", image_size=28).sample_images("train", 24, seed=0)
    images = (images / 255).astype(np.float32)
    owner = next((part for part in name.split(".") if part in MODELS), None)
    model = MODELS[owner]() if owner else zoo.ConvVAE((28, 28, 1), latent_dim=16)
    if isinstance(model, zoo.LatentImageModel):
        model.compile(keras.optimizers.Adam(1e-3), objective=zoo.ELBO())
    names = {"zoo": zoo, "keras": keras, "tf": tf, "np": np, "model": model, "images": images}
    names |= {"test_images": images, "validation_images": np.tile(images, (11, 1, 1, 1))}
    names |= {"labels": np.zeros(24, np.int32), "samples": tf.random.normal([24, 3])}
    names |= {"other_samples": tf.random.normal([24, 3])}
    if "classifier" in EXAMPLES[name]:
        names["classifier"] = zoo.load("classifier_mnist")
    if "Codec" in name:
        made = zoo.codec.LosslessCodec(model) if "Lossless" in name else None
        names["codec"] = made or zoo.codec.Codec(zoo.load("conv_vae_mnist"), tolerance=0.2)
    exec(EXAMPLES[name], names)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in EXAMPLES if n.startswith("zoo.serving.Client")])
def test_a_client_s_example_runs(name, tmp_path, monkeypatch):
    """Against the double of a server."""
    monkeypatch.chdir(tmp_path)
    served = {
        name: str(zoo.saved_model_path(name)) for name in ("conv_vae_mnist", "classifier_mnist")
    }
    code = EXAMPLES[name].replace("conv_draw_mnist", "conv_vae_mnist")
    with (
        Double(served) as double,
        zoo.serving.Client(double.grpc_address, "conv_vae_mnist") as client,
    ):
        images = client.sample(2, seed=0).clip(0, 1)
        names = {"zoo": zoo, "client": client, "images": images}
        exec(code.replace("localhost:8500", double.grpc_address), names)
