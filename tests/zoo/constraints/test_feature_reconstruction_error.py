"""The feature reconstruction error against float64 NumPy and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import zoo
from tests.zoo.constraints.conftest import assert_gradient, make_record
from zoo.constraints import FeatureReconstructionError


def patch_statistics(image, size, stride):
    """Mean and standard deviation of each patch, a channel at a time, in float64."""
    features = []
    for row in range(0, image.shape[0] - size + 1, stride):
        for column in range(0, image.shape[1] - size + 1, stride):
            patch = np.float64(image[row : row + size, column : column + size])
            features.append(patch.mean(axis=(0, 1)))
            features.append(np.sqrt(patch.var(axis=(0, 1)) + 1e-6))
    return np.array(features)


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (4, None), (4, 4), (2, 1)])
def test_by_default_features_are_means_and_deviations_of_patches(pairs, size, stride):
    constraint = FeatureReconstructionError(0.2, patch_size=size, stride=stride)
    stride = stride or size // 2
    expected = [
        ((patch_statistics(x, size, stride) - patch_statistics(g, size, stride)) ** 2).mean()
        for x, g in zip(*pairs, strict=True)
    ]
    values = constraint.values(make_record(*pairs))
    assert (values.shape, values.dtype) == ((5,), tf.float32)
    np.testing.assert_allclose(values, np.array(expected) - 0.2**2, atol=1e-7)


def test_flat_patches_have_a_finite_gradient(pairs):
    flat = tf.fill(pairs[0].shape, 0.3)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        values = FeatureReconstructionError(0.1).values(make_record(pairs[0], flat))
    assert np.isfinite(values).all()
    assert np.isfinite(tape.gradient(values, flat)).all()


def test_gradient_of_patch_statistics_is_that_of_finite_differences(pairs):
    assert_gradient(FeatureReconstructionError(0.2, patch_size=4), *pairs)


# === Features of a network ===


def make_network(image_shape=(12, 16, 3)):
    """Features of a smooth network with layers that behave otherwise in training."""
    network = keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2D(4, 3, 2, activation="gelu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(6, activation="softplus"),
        ]
    )
    rng = np.random.default_rng(4)
    network.set_weights([0.3 * rng.uniform(size=w.shape) + 0.1 for w in network.weights])
    return network


def numpy_features(network, images):
    """The network's layers written out in float64."""
    kernel, bias, gamma, beta, mean, variance, dense, dense_bias = (
        np.float64(w) for w in network.get_weights()
    )
    images = np.float64(images)
    rows, columns = ((side - 3) // 2 + 1 for side in images.shape[1:3])
    windows = np.stack(
        [
            [
                [images[:, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3] for c in range(columns)]
                for r in range(rows)
            ]
        ]
    )[0]
    hidden = np.einsum("rcbijk,ijkf->brcf", windows, kernel) + bias
    hidden = hidden * special.ndtr(hidden)
    hidden = (hidden - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    hidden = hidden.reshape(len(images), -1) @ dense + dense_bias
    return np.logaddexp(0, hidden)


def test_values_with_a_network_are_those_of_its_features_in_inference_mode(pairs):
    network = make_network()
    constraint = FeatureReconstructionError(0.3, features=network)
    difference = numpy_features(network, pairs[0]) - numpy_features(network, pairs[1])
    expected = (difference**2).mean(axis=1) - 0.3**2
    np.testing.assert_allclose(constraint.values(make_record(*pairs)), expected, rtol=1e-3)


def test_gradient_flows_through_a_network_as_finite_differences_say(pairs):
    assert_gradient(FeatureReconstructionError(0.3, features=make_network()), *pairs)


def test_the_network_is_copied_and_frozen_and_the_users_stays_as_it_is(pairs):
    network = make_network()
    constraint = FeatureReconstructionError(0.3, features=network)
    before = constraint.values(make_record(*pairs))
    assert constraint.trainable_weights == []
    assert len(constraint.weights) == len(network.weights)
    assert network.trainable
    assert len(network.trainable_weights) == 6
    network.set_weights([2 * w for w in network.get_weights()])
    np.testing.assert_array_equal(constraint.values(make_record(*pairs)), before)


def test_training_moves_neither_the_network_nor_what_the_model_trains(images):
    model = zoo.ConvVAE(images.shape[1:], latent_dim=2, filters=(2,), hidden_units=4)
    trained = [w.path for w in model.trainable_weights]
    constraint = FeatureReconstructionError(0.1, features=make_network(images.shape[1:]))
    model.compile(keras.optimizers.Adam(0.1), objective=zoo.GECO(constraint))
    before = [w.numpy().copy() for w in constraint.weights]
    model.fit(images, batch_size=4, epochs=2, verbose=0)
    assert [w.path for w in model.trainable_weights] == trained
    for weight, value in zip(constraint.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.usefixtures("mixed_bfloat16")
def test_values_are_float32_whatever_the_network_computes_in(pairs):
    network = make_network()
    assert network.layers[0].compute_dtype == "bfloat16"
    values = FeatureReconstructionError(0.3, features=network).values(make_record(*pairs))
    assert values.dtype == tf.float32
    difference = numpy_features(network, pairs[0]) - numpy_features(network, pairs[1])
    np.testing.assert_allclose(values, (difference**2).mean(axis=1) - 0.3**2, rtol=0.2, atol=0.1)


# === Refusals ===


@pytest.mark.parametrize("tolerance", [0, -0.1, float("inf"), "0.1", None])
def test_a_tolerance_must_be_above_0(tolerance):
    with pytest.raises(ValueError, match=r"above 0: .*units of the features.*Received: tol"):
        FeatureReconstructionError(tolerance)


def test_patches_beside_features_are_refused():
    features = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"Leave them out. Received: patch_size=3"):
        FeatureReconstructionError(0.1, features=features, patch_size=3)


def test_features_must_be_a_built_keras_model():
    for features in (lambda x: x, keras.Sequential([keras.layers.Flatten()])):
        with pytest.raises(ValueError, match=r"Expected a built Keras model.*Received"):
            FeatureReconstructionError(0.1, features=features)


def test_a_network_that_could_not_be_saved_is_refused_at_once():
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(lambda x: 2 * x)])
    with pytest.raises(ValueError, match=r"cannot be made again.*no Lambda layers"):
        FeatureReconstructionError(0.1, features=network)


def test_a_network_for_other_images_is_refused_on_compiling(images):
    model = zoo.ConvVAE(images.shape[1:], latent_dim=2, filters=(2,), hidden_units=4)
    constraint = FeatureReconstructionError(0.1, features=make_network((12, 16, 3)))
    with pytest.raises(ValueError, match=r"must take the model's images, \[batch, 4, 8, 2\]"):
        model.compile(objective=zoo.GECO(constraint))


def test_a_network_with_two_outputs_is_refused_on_compiling(images):
    inputs = keras.Input(images.shape[1:])
    network = keras.Model(inputs, [keras.layers.Flatten()(inputs), inputs])
    model = zoo.ConvVAE(images.shape[1:], latent_dim=2, filters=(2,), hidden_units=4)
    with pytest.raises(ValueError, match="must have one output"):
        model.compile(objective=zoo.GECO(FeatureReconstructionError(0.1, features=network)))


# === The multiplier ===


def test_signal_and_start_of_the_multiplier(pairs):
    constraint = FeatureReconstructionError(0.2, patch_size=4, stride=4)
    assert float(constraint.signal(np.float32(0.04))) == pytest.approx(np.log(2), rel=1e-5)
    # 3 x 4 patches of 3 channels with 2 statistics each.
    assert constraint.initial_multiplier((12, 16, 3)) == pytest.approx(72 / 0.08)
    of_network = FeatureReconstructionError(0.2, features=make_network())
    assert of_network.initial_multiplier((12, 16, 3)) == pytest.approx(6 / 0.08)
