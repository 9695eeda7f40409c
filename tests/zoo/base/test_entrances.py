"""Keras's ways into a model take what Keras's own do, and say in one line what they cannot take."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover

H, W, C = contract.IMAGE_SHAPE
SMALL = {"filters": (2,), "hidden_units": 4}


@pytest.fixture(scope="module")
def model():
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), objective=zoo.ELBO(), run_eagerly=True)
    return model


@pytest.fixture(scope="module")
def drawing_models(model):
    """A model of each kind that draws images by a method of its own."""
    return [
        model,
        zoo.SequentialVAE(contract.IMAGE_SHAPE, num_steps=2, latent_dims=(2,), **SMALL),
        zoo.InfusionModel(contract.IMAGE_SHAPE, num_steps=2, **SMALL),
    ]


def one_line(error):
    assert "\n" not in str(error.value)


# === Arguments ===

WAYS = {
    "fit": lambda model, x: model.fit(x, verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, verbose=0),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "train_on_batch": lambda model, x: model.train_on_batch(x),
    "test_on_batch": lambda model, x: model.test_on_batch(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "call": lambda model, x: model(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_list_of_images_is_told_to_be_stacked(model, images, way):
    with pytest.raises(ValueError, match=r"pass np.stack\(images\).*a list of 8") as error:
        WAYS[way](model, list(images))
    one_line(error)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "call"])
def test_no_data_is_named(model, way):
    with pytest.raises(ValueError, match=r"There are no images: pass an array.*x=None"):
        WAYS[way](model, None)


@pytest.mark.parametrize("way", ["fit", "evaluate"])
def test_data_without_rows_is_named(model, images, way):
    data = tf.data.Dataset.from_tensor_slices(images).batch(4)
    for empty in (images[:0], data.take(0)):
        with pytest.raises(ValueError, match="the data has no rows"):
            WAYS[way](model, empty)


def test_fit_and_evaluate_take_arguments_by_position(model, images):
    class Count(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

    count = Count()
    model.fit(images, None, 4, 2, 0, [count])
    assert count.batches == 4
    model.evaluate(images, None, 4, 0)
    weights = np.ones(len(images))
    with pytest.raises(ValueError, match="sample_weight and class_weight are not supported"):
        model.fit(images, None, 4, 1, 0, None, 0.0, None, True, None, weights)
    with pytest.raises(ValueError, match="sample_weight and class_weight are not supported"):
        model.evaluate(images, None, 4, 0, weights)


@pytest.mark.parametrize("name", ["batch_size", "steps_per_epoch", "validation_batch_size"])
def test_counts_are_at_least_one(model, images, name):
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1. Received: {name}="):
        model.fit(images, verbose=0, **{name: 0})


@pytest.mark.parametrize("num", [-1, 2.5, "3", None, True])
def test_a_bad_number_of_images_is_named_by_every_model(drawing_models, num):
    for each in drawing_models:
        with pytest.raises(ValueError, match=r"num must be an int of at least .*Received: num="):
            each.sample(num)
    for each in drawing_models[1:]:
        with pytest.raises(ValueError, match=r"num must be an int of at least .*Received: num="):
            each.sample(num, return_chain=True)


@pytest.mark.parametrize(
    ("temperature", "message"),
    [
        ([1.0, 2.0, 3.0], r"one for each of the 2 rows. Received: an array of shape \(3,\)"),
        ("hot", "temperature must be a number.*Received: a str"),
        (np.nan, "finite and at least 0. Received values from nan to nan"),
        ([1.0, -1.0], "finite and at least 0. Received values from -1 to 1"),
    ],
)
def test_a_bad_temperature_is_named_by_every_model(drawing_models, temperature, message):
    for each in drawing_models:
        for draw, given in ((each.sample, 2), (each.sample_rows, tf.zeros([2, 2], tf.int32))):
            with pytest.raises(ValueError, match=message) as error:
                draw(given, temperature=temperature)
            one_line(error)


def test_row_seeds_are_checked_by_every_model(drawing_models):
    for each in drawing_models:
        with pytest.raises(ValueError, match=r"seeds must be int32 of shape \[rows, 2\]"):
            each.sample_rows([[0.5, 1.0]])


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", contract.FULL_MODELS)
def test_latents_of_another_shape_are_refused_by_every_model(name, images):
    model = contract.MODELS[name]()
    given = contract.context_of(model, images[:2])
    shapes = model._latent_shapes
    latents = tuple(tf.zeros([2, *shape]) for shape in shapes)
    assert [z.shape[1:] for z in model.sample_prior(2, seed=0, **given)] == shapes
    wrong = [(), latents[0], latents[1:], (*latents, latents[0]), (latents[0][..., None],)]
    wrong += [tuple(z[..., 1:] for z in latents), tuple(tf.strings.as_string(z) for z in latents)]
    wrong += [(latents[0][:1], *latents[1:])] if len(latents) > 1 else []
    for bad in wrong:
        for method in (model.decode, model.log_prior):
            with pytest.raises(ValueError, match=rf"latents must be a tuple of {len(shapes)}: "):
                method(bad, **given)
    with pytest.raises(ValueError, match=r"Received: .* 96 more$"):  # Images, not latents.
        model.decode(list(np.zeros([100, *contract.IMAGE_SHAPE], np.float32)), **given)
    if model.has_posterior_density:
        with pytest.raises(ValueError, match=r"latents must be .* for 1 images"):
            model.log_posterior(latents, images[:1], **contract.context_of(model, images[:1]))


# === Prediction ===


def forms(images):
    """What `fit` takes images as, by name."""
    data = tf.data.Dataset.from_tensor_slices(images).batch(3)
    return {
        "tensor": tf.constant(images),
        "dict": {"image": images},
        "dataset": data,
        "pairs": data.map(lambda x: (x, 0)),
        "dicts": data.map(lambda x: {"image": x, "label": 0}),
        "generator": (images[start : start + 4] for start in (0, 4)),
    }


FORMS = ["tensor", "dict", "dataset", "pairs", "dicts", "generator"]


@pytest.mark.parametrize("form", cover(FORMS, ["dict", "dataset", "generator"]))
def test_predict_with_a_seed_takes_what_fit_takes(model, images, form):
    expected = model.reconstruct(images, seed=(7, 2))
    data = forms(images)[form]
    steps = 2 if form == "generator" else None  # Keras warns where it has to find the end.
    predicted = model.predict(data, 3, 0, steps, seed=(7, 2))
    contract.assert_close(predicted, expected)
    assert np.abs(model.predict(images, verbose=0) - expected).max() > 1e-4


def test_fit_takes_a_generator_of_images(model, images):
    before = [np.asarray(weight) for weight in model.trainable_weights]
    model.fit((images[:4] for _ in range(2)), steps_per_epoch=2, verbose=0)
    assert not any(map(np.array_equal, before, model.trainable_weights))


def test_predict_has_keras_arguments(model, images):
    data = tf.data.Dataset.from_tensor_slices(images).batch(4).repeat()
    assert len(model.predict(data, None, 0, 3, [], seed=0)) == 12
    contract.assert_close(model.predict_on_batch(images, seed=5), model.reconstruct(images, seed=5))


def test_models_that_draw_predict_data_sets(images):
    data = tf.data.Dataset.from_tensor_slices(images).batch(3)
    pixel = contract.make_model("PixelVAE")
    pixel.compile(run_eagerly=True)
    infusion = zoo.InfusionModel(contract.IMAGE_SHAPE, num_steps=2, **SMALL)
    infusion.compile(run_eagerly=True)
    for each in (pixel, infusion):
        contract.assert_close(each.predict(data, verbose=0), each.reconstruct(images))


def test_predict_of_no_images_is_empty(drawing_models, images):
    empty = tf.data.Dataset.from_tensor_slices(images).batch(4).take(0)
    for each in drawing_models:
        for data in (images[:0], empty):
            assert each.predict(data, verbose=0, seed=0).shape == (0, H, W, C)
    classifier = zoo.ConvClassifier(contract.IMAGE_SHAPE, num_classes=3, filters=(2, 2))
    assert classifier.predict(images[:0], verbose=0).shape == (0, 3)


def test_replicas_predict_with_the_noise_of_their_own_rows(images, two_replicas):
    expected = contract.make_model(contract.SMALLEST).reconstruct(images, seed=3)
    with two_replicas.scope():
        model = contract.make_model(contract.SMALLEST)
    contract.assert_close(model.predict(images, batch_size=6, seed=3, verbose=0), expected)


# === Shapes that TensorFlow does not know ===


def unknown(images, function=lambda x: x):
    """A data set of batches of which TensorFlow knows the type alone."""
    data = tf.data.Dataset.from_tensor_slices(images).batch(4)
    return data.map(lambda x: tf.numpy_function(function, [x], tf.float32))


def test_images_of_unknown_shape_are_those_of_the_model(images):
    model = contract.make_compiled(contract.SMALLEST)
    known = tf.data.Dataset.from_tensor_slices(images).batch(4)
    assert model.evaluate(unknown(images), verbose=0) == model.evaluate(known, verbose=0)
    model.fit(unknown(images), verbose=0)
    predicted = [model.predict(data, verbose=0) for data in (unknown(images), known)]
    contract.assert_close(*predicted)
    message = rf"images of shape \[batch, {H}, {W}, {C}\].*Received images of shape 4 {H} {W}$"
    with pytest.raises(ValueError, match=message) as error:
        model.fit(unknown(images, lambda x: x[..., 0]), verbose=0)
    one_line(error)


def test_labels_of_unknown_shape_are_one_an_image(images):
    classifier = zoo.ConvClassifier(contract.IMAGE_SHAPE, num_classes=3, filters=(2, 2))
    classifier.compile()
    labels = tf.data.Dataset.from_tensor_slices(np.arange(8, dtype=np.float32) % 3).batch(4)
    labels = labels.map(lambda x: tf.numpy_function(lambda y: y.astype(np.int32), [x], tf.int32))
    data = tf.data.Dataset.zip(unknown(images), labels)
    classifier.fit(data, verbose=0)
    known = tf.data.Dataset.from_tensor_slices((images, np.arange(8) % 3)).batch(4)
    assert classifier.evaluate(data, verbose=0) == classifier.evaluate(known, verbose=0)


def test_an_unbatched_data_set_is_told_to_be_batched(model, images):
    data = tf.data.Dataset.from_tensor_slices(images)
    with pytest.raises(ValueError, match=r"batch a tf.data.Dataset by .batch\(32\)"):
        model.fit(data, verbose=0)


def test_wrong_shapes_are_told_alike_before_and_after_fit(images):
    model = contract.make_compiled(contract.SMALLEST)
    bad, messages = images[..., 0], set()
    for _ in range(2):
        for way in WAYS.values():
            with pytest.raises(ValueError, match="This model takes images of shape") as error:
                way(model, bad)
            messages.add(str(error.value))
        model.fit(images, verbose=0)
    assert len(messages) == 1
