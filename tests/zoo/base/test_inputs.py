"""Bad input: each error says what was expected, what came, and what to do."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover
from zoo.base import inputs

H, W, C = contract.IMAGE_SHAPE


@pytest.fixture(scope="module")
def model():
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), objective=zoo.ELBO())
    return model


def grey(*shape, dtype=np.float32):
    return np.full(shape, 0.5, dtype)


def fit_dataset(model, images):
    model.fit(tf.data.Dataset.from_tensor_slices(images).batch(2), verbose=0)


# The public ways in for images.
ENTRANCES = {
    "infer": lambda model, x: model.infer(x),
    "encode": lambda model, x: model.encode(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "call": lambda model, x: model(x),
    "log_prob": lambda model, x: model.log_prob(x),
    "log_posterior": lambda model, x: model.log_posterior(model.sample_prior(2, seed=0), x),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "fit": lambda model, x: model.fit(x, batch_size=2, verbose=0),
    "fit_dataset": fit_dataset,
    "evaluate": lambda model, x: model.evaluate(x, batch_size=2, verbose=0),
    "train_on_batch": lambda model, x: model.train_on_batch(x),
    "test_on_batch": lambda model, x: model.test_on_batch(x),
    "predict_on_batch": lambda model, x: model.predict_on_batch(x),
    "predict_with_a_seed": lambda model, x: model.predict(x, verbose=0, seed=0),
}
every_entrance = pytest.mark.parametrize("entrance", ENTRANCES)


# === Shape and type ===


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (grey(2, H, W), rf"shape \(2, {H}, {W}\) and type float32"),
        (grey(H, W, C), r"For one image, pass images\[None\]; batch a tf.data.Dataset by .batch"),
        (grey(2, H + 1, W, C), rf"shape \(2, {H + 1}, {W}, {C}\)"),
        (grey(2, W, H, C), rf"shape \(2, {W}, {H}, {C}\)"),
        (grey(2, H, W, C + 1), rf"shape \(2, {H}, {W}, {C + 1}\)"),
        (grey(2, H * W * C), rf"shape \(2, {H * W * C}\)"),
        (grey(2, 1, H, W, C), rf"shape \(2, 1, {H}, {W}, {C}\)"),
        (np.zeros((2, H, W), np.uint8), r"type uint8"),
    ],
)
def test_wrong_shapes_are_named(model, images, received):
    expected = rf"takes images of shape \[batch, {H}, {W}, {C}\] \(height, width, channels\)"
    with pytest.raises(ValueError, match=f"{expected}.*{received}"):
        model.infer(images)


def test_grey_images_without_a_channel_are_told_to_add_one():
    model = zoo.ConvVAE((4, 4, 1), filters=(2,))
    with pytest.raises(ValueError, match=r"without a channel, pass images\[..., None\]"):
        model.infer(grey(2, 4, 4))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, bool])
def test_other_types_are_named(model, dtype):
    message = rf"floats in \[0, 1\] or uint8 in \[0, 255\]. Received .* type {np.dtype(dtype).name}"
    with pytest.raises(ValueError, match=message):
        model.infer(np.ones((2, H, W, C), dtype))


@every_entrance
def test_wrong_channels_are_refused_at_every_entrance(model, entrance):
    expected = rf"takes images of shape \[batch, {H}, {W}, {C}\]"
    with pytest.raises(ValueError, match=rf"{expected}.*Received images of shape \(.*, {C + 1}\)"):
        ENTRANCES[entrance](model, grey(2, H, W, C + 1))


# === Range ===


@pytest.mark.parametrize(
    "entrance", cover(ENTRANCES, ["infer", "call", "log_prob", "predict", "fit"])
)
def test_pixels_of_0_to_255_as_floats_are_refused_at_every_entrance(model, entrance):
    images = grey(2, H, W, C)
    images[1, 2, 3, 1] = 255.0
    with pytest.raises(ValueError, match=r"images given as floats must lie in \[0, 1\]") as error:
        ENTRANCES[entrance](model, images)
    message = str(error.value)
    assert "\n" not in message
    assert "divide pixels of 0 to 255 by 255 or pass them as uint8" in message
    assert re.search(r"Received values from 0.5 to 255(.0)? and 0 NaN$", message)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (255.0, "divide pixels of 0 to 255 by 255 or pass them as uint8"),
        (-1.0, r"map pixels of -1 to 1 by \(images \+ 1\) / 2"),
        (1.08, r"clip to \[0, 1\] what resizing overshoots"),
        (-0.05, r"clip to \[0, 1\] what resizing overshoots"),
        (np.nan, "leave out or repair what is NaN"),
    ],
)
def test_the_remedy_fits_the_range(model, value, remedy):
    images = grey(2, H, W, C)
    images[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=rf"have no NaN; {remedy}. Received values"):
        model.infer(images)


@pytest.mark.parametrize("value", [1.001, -0.001])
def test_floats_just_beyond_the_range_are_refused(model, value):
    images = grey(2, H, W, C)
    images[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\].*Received values from"):
        model.infer(images)


@pytest.mark.parametrize("entrance", ["infer", "fit", "evaluate", "predict"])
def test_nan_in_the_images_is_refused_and_counted(model, entrance):
    images = grey(2, H, W, C)
    images[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"have no NaN.*and 2 NaN$"):
        ENTRANCES[entrance](model, images)


def test_without_a_graph_an_error_ends_alike():
    message = r"Received values from 255(.0)? to 255(.0)? and 0 NaN$"
    with pytest.raises(ValueError, match=message), inputs.plain_errors():
        inputs.as_images(510 * grey(2, H, W, C), (H, W, C))


def test_both_ends_of_the_range_are_good(model):
    images = grey(2, H, W, C)
    images[0], images[1] = 0.0, 1.0
    assert np.isfinite(model.infer(images).rate).all()


def test_float64_images_are_taken_as_float32(model):
    images = np.random.default_rng(0).uniform(size=(2, H, W, C))
    contract.assert_close(model.infer(images).rate, model.infer(np.float32(images)).rate)


def test_bad_images_in_fit_change_nothing(images):
    model = contract.make_compiled(contract.SMALLEST)
    contract.train(model, images, num_steps=1)
    before = contract.state_of(model)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        model.fit(255 * images, batch_size=4, verbose=0)
    contract.assert_same_state(contract.state_of(model), before)


# === Batches ===


def test_batches_of_every_form_are_read_alike(model):
    images, labels = grey(4, H, W, C), np.arange(4)
    forms = [
        images,
        (images, labels),
        {"image": images},
        {"image": images, "label": labels},
        ({"image": images}, labels),
    ]
    model.reset_metrics()
    losses = [
        model.evaluate(tf.data.Dataset.from_tensors(form), verbose=0, return_dict=True)["loss"]
        for form in forms
    ]
    assert losses == [losses[0]] * len(forms)


def test_labels_reach_the_record_from_every_form():
    images, labels = tf.zeros([2, H, W, C]), tf.constant([3, 4])
    assert inputs.unpack((images, labels)) == (images, None, labels)
    assert inputs.unpack({"image": images, "label": labels}) == (images, None, labels)
    assert inputs.unpack(({"image": images, "context": 1}, labels)) == (images, 1, labels)
    assert inputs.unpack(images) == (images, None, None)


@pytest.mark.parametrize(
    ("batch", "received"),
    [
        ({"images": 0}, r"\['images'\]"),
        ({"image": 0, "weight": 0, "label": 0}, r"\['image', 'label', 'weight'\]"),
        ({}, r"\[\]"),
    ],
)
def test_unknown_keys_are_named(batch, received):
    message = f"has `image` and any of `context`, `label`, `mask`. Received the keys {received}"
    with pytest.raises(ValueError, match=message):
        inputs.unpack(batch)


def test_unknown_keys_are_named_in_fit(model):
    data = tf.data.Dataset.from_tensors({"pixels": grey(2, H, W, C)})
    with pytest.raises(ValueError, match=r"`image`.*Received the keys \['pixels'\]"):
        model.fit(data, verbose=0)


def test_sample_weights_are_refused_with_the_reason(model, images):
    message = "not supported: a weighted mean has no meaning for GECO.*Repeat or drop examples"
    with pytest.raises(ValueError, match=f"sample_weight and class_weight are {message}"):
        model.fit(images, sample_weight=np.ones(8))
    with pytest.raises(ValueError, match=f"sample_weight and class_weight are {message}"):
        model.fit(images, np.zeros(8), class_weight={0: 2.0})
    with pytest.raises(ValueError, match=f"sample_weight and class_weight are {message}"):
        model.evaluate(images, np.zeros(8), sample_weight=np.ones(8), verbose=0)
    data = tf.data.Dataset.from_tensors((images, np.zeros(8), np.ones(8)))
    with pytest.raises(ValueError, match=f"sample_weight is {message}"):
        model.fit(data, verbose=0)


def test_context_is_refused_by_a_model_without_one(model, images):
    with pytest.raises(ValueError, match="made without context_shape, so it takes no context"):
        model.infer(images, context=images)


# === A loss that turns NaN ===


@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=["graph", "eager"])
@pytest.mark.parametrize("objective", ["ELBO", "GECO"])
def test_a_loss_that_is_not_finite_stops_before_any_state_moves(images, objective, how):
    model = contract.make_compiled(contract.SMALLEST, objective, **how)
    contract.train(model, images, num_steps=2)
    kernel = model.posterior_head.kernel
    kernel.assign(1e25 * kernel.numpy())  # squared in the rate: beyond float32
    before = contract.state_of(model)
    with pytest.raises(ValueError, match="stopped before the weights were changed") as error:
        contract.train(model, images, num_steps=3)
    message = str(error.value)
    assert "a term of the loss is not finite: sums of (rate, " in message
    assert "inf" in message
    assert message.endswith("at step 2")
    contract.assert_same_state(contract.state_of(model), before)


# === Arguments of the models and their methods ===


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 0), (8, -8, 1), (8.0, 8, 1), (1, 8, 8, 1)])
@pytest.mark.parametrize("kind", [zoo.ConvVAE, zoo.ConvDRAW])
def test_bad_image_shapes_are_named(kind, shape):
    with pytest.raises(
        ValueError, match=r"image_shape must be \(height, width, channels\).*shape="
    ):
        kind(shape)


def test_sizes_that_conv_draw_cannot_cut_are_named():
    with pytest.raises(ValueError, match=r"divisible by stride=4.*\(30, 28, 1\).*resize or pad"):
        zoo.ConvDRAW((30, 28, 1))


def test_sizes_that_conv_vae_cannot_halve_are_named():
    message = r"halves the image 2 times.*divisible by 4.*\(30, 28, 1\).*resize or pad the images"
    with pytest.raises(ValueError, match=message):
        zoo.ConvVAE((30, 28, 1))


@pytest.mark.parametrize("kind", [zoo.ConvVAE, zoo.ConvDRAW])
def test_models_build_from_the_image_shape_alone(kind):
    model = kind((8, 12, 3))
    assert model.built
    assert model.reconstruct(np.zeros((1, 8, 12, 3), np.uint8)).shape == (1, 8, 12, 3)


@pytest.mark.parametrize(
    "name", ["num_steps", "filters", "latent_filters", "kernel_size", "stride"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_bad_sizes_of_conv_draw_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1.*{name}={value}"):
        zoo.ConvDRAW((8, 8, 1), **{name: value})


@pytest.mark.parametrize("name", ["latent_dim", "hidden_units", "filters"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_bad_sizes_of_conv_vae_are_named(name, value):
    value = (value,) if name == "filters" else value
    with pytest.raises(ValueError, match=rf"{name} must be .* at least 1.*{name}="):
        zoo.ConvVAE((8, 8, 1), **{name: value})


def dense_decoder(latent_dim, shape):
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            keras.layers.Dense(int(np.prod(shape))),
            keras.layers.Reshape(shape),
        ]
    )


@pytest.mark.parametrize("shape", [(H, W, C + 1), (W, H, C), (H, W * C)])
def test_a_decoder_of_ones_own_with_a_wrong_output_is_refused(shape):
    message = (
        rf"must map latents \[batch, 3\] to the parameters of the likelihood, "
        rf"\[batch, {H}, {W}, {C}\]. Received a decoder with output \(None, {shape[0]}, "
    )
    with pytest.raises(ValueError, match=message):
        zoo.ConvVAE(
            contract.IMAGE_SHAPE, latent_dim=3, filters=(2,), decoder=dense_decoder(3, shape)
        )


def test_a_decoder_of_ones_own_with_a_wrong_input_is_refused():
    decoder = dense_decoder(5, contract.IMAGE_SHAPE)
    with pytest.raises(ValueError, match=r"decoder must map latents \[batch, 3\]"):
        zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=3, filters=(2,), decoder=decoder)


def test_an_encoder_of_ones_own_with_a_wrong_input_is_refused():
    encoder = keras.Sequential([keras.Input((H, W, C + 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=rf"encoder must map images \[batch, {H}, {W}, {C}\]"):
        zoo.ConvVAE(contract.IMAGE_SHAPE, filters=(2,), encoder=encoder)


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_a_network_of_ones_own_with_two_outputs_is_refused(network):
    inputs = keras.Input(contract.IMAGE_SHAPE if network == "encoder" else (3,))
    features = keras.layers.Flatten()(inputs)
    two = keras.Model(inputs, [features, features])
    with pytest.raises(ValueError, match=rf"The {network} must map .*returns? .*list"):
        zoo.ConvVAE(contract.IMAGE_SHAPE, latent_dim=3, filters=(2,), **{network: two})


def test_networks_of_ones_own_lift_the_condition_on_the_size():
    encoder = keras.Sequential([keras.Input((5, 7, 1)), keras.layers.Conv2D(2, 3)])
    model = zoo.ConvVAE((5, 7, 1), 3, encoder=encoder, decoder=dense_decoder(3, (5, 7, 1)))
    assert model.reconstruct(np.zeros((2, 5, 7, 1), np.uint8)).shape == (2, 5, 7, 1)


@pytest.mark.parametrize("num_samples", [0, -1])
def test_log_prob_needs_a_sample(model, num_samples):
    with pytest.raises(ValueError, match=r"num_samples must be an int of at least 1. Received"):
        model.log_prob(grey(1, H, W, C), num_samples=num_samples)


def test_compile_refuses_losses_and_other_objectives():
    model = contract.make_model(contract.SMALLEST)
    with pytest.raises(ValueError, match=r"is its objective, .* leave out \['loss'\]"):
        model.compile("adam", loss="mse")
    with pytest.raises(ValueError, match=r"such as zoo.ELBO\(\) or zoo.GECO.*objective='geco'"):
        model.compile("adam", objective="geco")
