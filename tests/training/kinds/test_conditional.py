"""Conditional models through training: data with contexts, pictures, commands."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from tests import contract
from tests.training.tiny import conditional_recipe, make_model, tiny_recipe
from training import datasets
from training.command_line import cli
from training.datasets.image_dataset import ImageDataset
from training.datasets.splits import MemorySplit
from training.evaluation import bits_per_dimension
from training.figures import model_pictures
from training.runs import callbacks, model_source, run
from zoo.errors import UsageError


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory):
    """The directory of a finished run of a conditional model, and the trained model."""
    directory = tmp_path_factory.mktemp("runs") / "conditional"
    model, _ = run.train(conditional_recipe(), directory, verbose=0, export=False)
    return directory, model


@pytest.fixture(scope="module")
def data():
    return datasets.load_for(conditional_recipe())


def pair_dataset(num=10):
    """Contexts of one image, images of two: channels that are images."""
    rng = np.random.default_rng(0)
    image, context = (rng.integers(0, 256, (num, 8, 8, c), dtype=np.uint8) for c in (2, 1))
    split = MemorySplit({"image": image, "context": context, "label": np.zeros(num, np.int32)})
    splits = dict.fromkeys(("train", "validation", "test"), split)
    return ImageDataset("pairs", (8, 8, 2), 1, "Pairs.", splits, (8, 8, 1), True)


def fails(capsys, *arguments):
    code = cli.main(list(arguments))
    message = capsys.readouterr().err
    assert message.startswith("vae-zoo: ")
    assert code == 2, message
    return message


# === The model ===


def test_model_is_made_for_the_contexts_of_its_data(data):
    model = make_model(conditional_recipe(), data.image_shape, data.context_shape)
    assert model.context_shape == (8, 8, 2)
    assert make_model(conditional_recipe(), data.image_shape).context_shape is None


def test_data_with_contexts_are_refused_for_an_architecture_without(data):
    recipe = tiny_recipe(data={"name": "mnist_sum:digits", "options": {}})
    message = r"images of mnist_sum:digits come with context.*ConvVAE.*ConvDRAW: conv_draw_digits"
    with pytest.raises(UsageError, match=message):
        make_model(recipe, data.image_shape, data.context_shape)


def test_train_refuses_contexts_for_conv_vae(tmp_path, capsys):
    path = str(tmp_path / "run")
    options = ("--dataset", "mnist_sum:digits", "--directory", path)
    message = fails(capsys, "train", "conv_vae_digits", *options)
    assert "Choose a recipe of a conditional architecture, ConvDRAW" in message
    assert list(tmp_path.iterdir()) == []


# === A run ===


def test_run_leaves_what_every_run_does(conditional_run):
    directory, _ = conditional_run
    metrics = json.loads((directory / "metrics.json").read_text())
    assert np.isfinite(metrics["bits_per_dimension"]["value"])


def test_pictures_of_a_run_begin_with_the_contexts(conditional_run, data):
    directory, model = conditional_run
    examples = data.sample_examples("test", 24, seed=0)
    first = np.concatenate([examples["context"][0, ..., 0], examples["context"][0, ..., 1]], 1)
    picture = _small(directory / "figures" / "samples.png", 18 + 2 + 8 * 10)
    assert picture.shape == (6 * 10, 100)
    np.testing.assert_array_equal(picture[1:9, 1:17], first)
    contexts = np.repeat(examples["context"][:6], 8, axis=0)
    samples = _levels(model.sample(48, seed=0, context=contexts))
    np.testing.assert_array_equal(picture[11:19, 21 + 10 : 29 + 10], samples[9, ..., 0])
    # Context, image and reconstruction side by side, three such cells a row.
    picture = _small(directory / "figures" / "reconstructions.png", 3 * (16 + 8 + 8 + 4 + 4 + 2))
    np.testing.assert_array_equal(picture[1:9, 1:17], first)
    np.testing.assert_array_equal(picture[1:9, 19:27], examples["image"][0, ..., 0])
    reconstructions = _levels(model.reconstruct(examples["image"], examples["context"]))
    np.testing.assert_allclose(picture[1:9, 29:37], reconstructions[0, ..., 0], atol=1)


def _small(path, width):
    """The red channel of a picture before it was enlarged."""
    picture = np.asarray(Image.open(path).convert("RGB"))[..., 0].astype(int)
    zoom = 1000 // width
    assert picture.shape[1] == zoom * width
    return picture[::zoom, ::zoom]


def _levels(images):
    return np.round(255 * np.clip(images, 0, 1)).astype(int)


def test_card_tells_of_the_contexts(conditional_run):
    card = (conditional_run[0] / "card.md").read_text()
    assert "| context images | 8x8, 2 channels |" in card
    assert "model.sample(16, seed=0, context=contexts)  # contexts: [16, 8, 8, 2]" in card
    assert "In each row a context of the test split, then samples given it" in card


@pytest.mark.thorough  # tests/zoo/serving exports a conditional model.
def test_saved_model_of_a_run_samples_given_contexts(conditional_run, tmp_path, data):
    directory, model = conditional_run
    assert cli.main(["export", str(directory), str(tmp_path / "1")]) == 0
    loaded = zoo.load(tmp_path / "1")
    contexts = data.sample_examples("test", 2, seed=0)["context"]
    samples = loaded.sample(2, seed=0, context=contexts)
    contract.assert_close(samples, model.sample(2, seed=0, context=contexts))
    assert np.abs(samples - loaded.sample(2, seed=0, context=contexts[::-1])).max() > 1e-4


@pytest.mark.thorough
def test_checkpoint_of_a_conditional_run_can_be_used(conditional_run, tmp_path, data):
    directory, model = conditional_run
    shutil.copytree(directory, tmp_path / "run", ignore=shutil.ignore_patterns("savedmodel"))
    restored, _ = model_source.load_model(tmp_path / "run")
    examples = data.sample_examples("test", 4, seed=0)
    reconstructions = [
        m.reconstruct(examples["image"], examples["context"]) for m in (restored, model)
    ]
    contract.assert_close(*reconstructions)


@pytest.mark.thorough
def test_tensorboard_shows_the_contexts(conditional_run, tmp_path):
    _, model = conditional_run
    pairs = pair_dataset()
    recipe = conditional_recipe()
    model = make_model(recipe, pairs.image_shape, pairs.context_shape)
    examples = pairs.sample_examples("test", 4, seed=0)
    callback = callbacks.WriteImages(tmp_path, examples, pairs.channels_are_images)
    callback.set_model(model)
    callback.on_epoch_end(0)
    pictures = _tensorboard_images(tmp_path)
    width = 8 + 2 + 16  # Context, gap, two panels.
    above = pictures["data_above_reconstructions"]
    assert above.shape == (16, 4 * width, 3)
    np.testing.assert_array_equal(above[:8, width : width + 8, 0], examples["context"][1, ..., 0])
    np.testing.assert_array_equal(
        above[:8, width + 18 : 2 * width, 1], examples["image"][1, ..., 1]
    )
    assert pictures["samples"].shape == (8, 4 * width, 3)


def _tensorboard_images(folder):
    images = {}
    for file in (folder / "images").glob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
                encoded = value.tensor.string_val[2]  # After width and height.
                images[value.tag] = tf.io.decode_png(encoded).numpy()
    return images


# === Measures ===


def test_bits_a_dimension_are_given_the_contexts(conditional_run, data):
    _, model = conditional_run
    value = bits_per_dimension.measure(model, data, num_images=20, num_samples=2)["value"]
    batch = next(iter(data.batches("test", 20)))
    log_prob = model.log_prob(batch["image"], 2, seed=0, context=batch["context"])
    assert value == pytest.approx(-np.mean(log_prob) / (64 * np.log(2)), rel=1e-4)


def test_bits_a_dimension_are_about_levels(conditional_run, data):
    _, model = conditional_run
    spread = dataclasses.replace(data, dequantization_seed=3)
    values = [
        bits_per_dimension.measure(model, d, num_images=20, num_samples=1)["value"]
        for d in (data, spread)
    ]
    assert values[0] == values[1]


# === Samples ===


def test_last_context_may_have_fewer_samples(conditional_run, data, tmp_path):
    _, model = conditional_run
    samples, contexts = model_pictures.draw_samples(model, 11, data, seed=4)
    assert (len(samples), len(contexts)) == (11, 2)
    given = np.repeat(contexts, 8, axis=0)[:11]
    contract.assert_close(samples, model.sample(11, seed=4, context=given))
    model_pictures.save_samples(tmp_path / "samples.png", samples, contexts)
    picture = _small(tmp_path / "samples.png", 100)
    assert (picture[10:, 20 + 3 * 10 :] == 255).all(), "no samples stand here"


def test_pairs_as_images_are_shown_side_by_side(tmp_path):
    pairs = pair_dataset()
    recipe = conditional_recipe()
    model = make_model(recipe, pairs.image_shape, pairs.context_shape)
    samples, contexts = model_pictures.draw_samples(model, 8, pairs)
    model_pictures.save_samples(tmp_path / "samples.png", samples, contexts, True)
    assert _small(tmp_path / "samples.png", 10 + 2 + 8 * 18).shape == (10, 156)


# === Commands ===


def test_evaluate_takes_the_contexts(conditional_run, capsys):
    directory, _ = conditional_run
    assert cli.main(["evaluate", str(directory)]) == 0
    output = capsys.readouterr().out
    metrics = json.loads((directory / "metrics.json").read_text())
    expected = {name: metrics["test"][name] for name in ("rate", "distortion", "rmse")}
    expected["bits a dimension"] = metrics["bits_per_dimension"]["value"]
    for name, value in expected.items():
        printed = re.search(rf"^  {name} +(\S+)", output, re.MULTILINE)[1]
        assert float(printed) == pytest.approx(value, rel=1e-3), name


def test_evaluate_refuses_data_of_other_contexts(conditional_run, capsys):
    directory = str(conditional_run[0])
    small = ("--image-size", "8")
    message = fails(capsys, "evaluate", directory, "--dataset", "digits", *small)
    assert "(8, 8, 2), as the model takes, received no context images of digits" in message


def test_sample_takes_contexts_of_the_test_split(conditional_run, tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    directory = str(conditional_run[0])
    assert cli.main(["sample", directory, "-n", "16", "--output", "a.png", "--seed", "5"]) == 0
    contexts = data.sample_examples("test", 2, seed=5)["context"]
    picture = _small(tmp_path / "a.png", 100)
    np.testing.assert_array_equal(picture[11:19, 1:9], contexts[1, ..., 0])
    options = ["--dataset", "mnist_rotate:digits", "--image-size", "8", "--output", "b.png"]
    assert cli.main(["sample", directory, *options]) == 0
    assert (tmp_path / "b.png").exists()


def test_sample_refuses(conditional_run, capsys):
    directory = str(conditional_run[0])
    message = fails(capsys, "sample", directory, "-n", "2401")
    assert "--num must be an int from 1 to 2400: 8 for each context of the test split" in message
    message = fails(capsys, "sample", directory, "--dataset", "digits")
    assert "(8, 8, 1), which the model takes, received shape (16, 16, 1) of digits" in message


def test_reconstruct_refuses_files_for_a_conditional_model(conditional_run, tmp_path, capsys):
    path = str(tmp_path / "image.png")
    Image.new("L", (8, 8)).save(path)
    message = fails(capsys, "reconstruct", str(conditional_run[0]), path)
    assert "is conditional: to reconstruct an image it needs the image's context" in message
