"""The small classifiers: what constraints need of them, and what every model of the zoo can."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract

SHAPE = (6, 8, 2)  # Not square, and halved twice, where rounding up shows.
NUM_CLASSES = 3


def make_classifier(**settings):
    classifier = zoo.ConvClassifier(SHAPE, NUM_CLASSES, filters=(4, 6, 5))
    classifier.compile(keras.optimizers.Adam(0.01), **settings)
    return classifier


@pytest.fixture(scope="module")
def examples():
    """Bright, middling and dark images, which are easily told apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(48) % NUM_CLASSES
    noise = rng.uniform(-0.15, 0.15, (48, *SHAPE))
    images = 0.2 + 0.3 * labels[:, None, None, None] + noise
    return images.astype(np.float32), labels.astype(np.int32)


@pytest.fixture(scope="module")
def trained(examples):
    keras.utils.set_random_seed(0)
    classifier = make_classifier()
    classifier.fit(*examples, epochs=25, batch_size=16, verbose=0)
    return classifier


def _weights(model):
    return [np.asarray(variable) for variable in model.variables]


def _assert_equal(model, weights):
    for now, before in zip(_weights(model), weights, strict=True):
        np.testing.assert_array_equal(now, before)


# === Inference ===


def test_gives_probabilities(trained, examples):
    images, labels = examples
    probabilities = trained(images)
    assert probabilities.shape == (48, NUM_CLASSES)
    assert probabilities.dtype == tf.float32
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1.0, rtol=1e-6)
    assert np.mean(np.argmax(probabilities, axis=1) == labels) > 0.95
    np.testing.assert_allclose(trained.predict(images, verbose=0), probabilities, rtol=1e-5)
    assert trained.features(images).shape == (48, 5)
    assert np.min(trained.features(images)) >= 0


def test_uint8_is_float(trained):
    levels = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
    contract.assert_close(trained(levels), trained(levels / np.float32(255)))


def test_a_row_does_not_depend_on_the_others(trained, examples):
    images, _ = examples
    contract.assert_close(trained(images[:1]), trained(images)[:1])


def test_gradient_in_the_images_by_finite_differences(trained, examples):
    images = tf.constant(examples[0][:4])
    rng = np.random.default_rng(1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(trained.logits(images)[:, 0])
    gradient = np.asarray(tape.gradient(value, images), np.float64)
    step = 1e-4  # Small: the network has kinks.
    for _ in range(3):
        direction = rng.normal(size=images.shape)
        ends = [
            np.sum(np.asarray(trained.logits(images + sign * step * direction))[:, 0], dtype=float)
            for sign in (1, -1)
        ]
        numeric = (ends[0] - ends[1]) / (2 * step)
        assert numeric == pytest.approx(np.sum(gradient * direction), rel=0.05, abs=0.02)


def test_looks_at_images_outside_the_unit_range(trained):
    """The mean of a Gaussian likelihood may leave [0, 1]."""
    assert np.all(np.isfinite(trained(np.full((1, *SHAPE), 1.5, np.float32))))


def test_float32_under_a_mixed_policy(trained, examples, mixed_bfloat16):
    classifier = zoo.ConvClassifier.from_config(trained.get_config())
    classifier.set_weights(trained.get_weights())
    np.testing.assert_array_equal(classifier(examples[0]), trained(examples[0]))


# === Frozen, inside the training of another model ===


class Around(keras.Model):
    """A model that scales images and hands them to a network, in whatever mode Keras is in."""

    def __init__(self, network):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.network = network
        self.built = True

    def call(self, images):
        return self.network(images * self.scale)


@pytest.mark.parametrize("trainable", [True, False])
def test_inside_a_training_step_it_is_inference_and_has_no_update(trained, examples, trainable):
    images, labels = examples
    weights = _weights(trained)
    around = Around(trained)
    trained.trainable = trainable
    try:
        outputs = around(images, training=True)
        np.testing.assert_array_equal(outputs, trained(images))
        averages = [np.asarray(v) for v in trained.non_trainable_variables]
        around.compile(keras.optimizers.SGD(0.0), loss="sparse_categorical_crossentropy")
        around.fit(images, labels, verbose=0)
        assert len(averages) == (14 if trainable else 30), "the moving averages, else all weights"
        _assert_equal(trained, weights)
    finally:
        trained.trainable = True


@pytest.mark.thorough
def test_constraints_take_it_and_its_features(trained):
    rng = np.random.default_rng(0)
    images = rng.random((8, *SHAPE), np.float32)
    weights = _weights(trained)
    constraints = [
        zoo.constraints.ClassificationAccuracy(0.9, classifier=trained),
        zoo.constraints.FeatureReconstructionError(0.3, features=trained.features),
    ]
    model = zoo.ConvVAE(SHAPE, latent_dim=2, filters=[4], hidden_units=4)
    model.compile("adam", objective=zoo.GECO(constraints))
    logs = model.evaluate(images, np.arange(8) % NUM_CLASSES, return_dict=True, verbose=0)
    model.fit(images, np.arange(8) % NUM_CLASSES, verbose=0)
    _assert_equal(trained, weights)
    assert -0.1 <= logs["classification_accuracy_violation"] <= 0.9
    assert logs["feature_reconstruction_error_violation"] >= -0.09


# === Training ===


def test_loss_is_the_smoothed_cross_entropy(examples):
    images, labels = examples
    classifier = make_classifier(label_smoothing=0.2, run_eagerly=True)
    logs = classifier.evaluate({"image": images, "label": labels}, return_dict=True, verbose=0)
    log_probabilities = np.log(np.asarray(classifier(images), np.float64))
    right = log_probabilities[np.arange(48), labels]
    smoothed = 0.8 * right + 0.2 * log_probabilities.mean(axis=1)
    assert logs["cross_entropy"] == pytest.approx(-right.mean(), rel=1e-5)
    assert logs["loss"] == pytest.approx(-smoothed.mean(), rel=1e-5)
    accuracy = np.mean(log_probabilities.argmax(axis=1) == labels)
    assert logs["accuracy"] == pytest.approx(accuracy)


def test_training_moves_all_and_evaluation_nothing(examples):
    classifier = make_classifier(run_eagerly=True)
    before = _weights(classifier)
    classifier.evaluate(*examples, verbose=0)
    _assert_equal(classifier, before)
    classifier.fit(*examples, batch_size=24, verbose=0)
    for now, old in zip(_weights(classifier), before, strict=True):
        assert np.any(now != old)


@pytest.mark.thorough
def test_training_in_bfloat16_learns_float32_weights(examples):
    classifier = make_classifier(training_dtype="bfloat16")
    losses = classifier.fit(*examples, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert {v.dtype for v in classifier.variables} == {"float32"}


def _convolutions(features):
    return [features.stem, *(layer for stage in features.stages for layer in stage)]


@pytest.mark.thorough
def test_two_replicas_train_one_classifier(examples, two_replicas):
    """Each normalises by its own half of the batch; their moving averages are one."""
    images, labels = examples
    with two_replicas.scope():
        classifier = make_classifier()
    halves = [zoo.ConvFeatures(SHAPE, filters=(4, 6, 5)) for _ in range(2)]
    for i, half in enumerate(halves):
        half.set_weights(classifier.features.get_weights())
        half.forward(tf.constant(images[i::2]), training=True)
    order = np.concatenate([np.arange(0, 48, 2), np.arange(1, 48, 2)])
    data = tf.data.Dataset.from_tensor_slices((images[order], labels[order]))
    logs = classifier.fit(data.batch(48, drop_remainder=True), verbose=0).history
    assert np.isfinite(logs["loss"][0])
    layers = [_convolutions(features) for features in (classifier.features, *halves)]
    for layer, *of_halves in zip(*layers, strict=True):
        for name in ("moving_mean", "moving_variance"):
            average = getattr(layer, name)
            expected = np.mean([np.asarray(getattr(half, name)) for half in of_halves], axis=0)
            np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)
            copies = two_replicas.experimental_local_results(average.value)
            np.testing.assert_array_equal(*copies)
        copies = two_replicas.experimental_local_results(layer.kernel.value)
        np.testing.assert_array_equal(*copies)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, y: (x, None),
            "ConvClassifier needs the label of each image, and the batch has none",
        ),
        (lambda x, y: (x, y + 1), r"classes 0 to 2.*Received labels from 1 to 3"),
        (lambda x, y: (x, y.astype(np.float32)), "Labels must be ints from 0 to 2.*float32"),
        (lambda x, y: (x * np.nan, y), r"must lie in \[0, 1\] and have no NaN"),
        (lambda x, y: (x[:, 1:], y), r"takes images of shape \[batch, 6, 8, 2\]"),
        (lambda x, y: ({"image": x, "context": x, "label": y}, None), "takes no context"),
    ],
)
def test_bad_data_are_refused_and_move_nothing(examples, change, message):
    classifier = make_classifier()
    weights = _weights(classifier)
    with pytest.raises(ValueError, match=message):
        classifier.fit(*change(*examples), verbose=0)
    _assert_equal(classifier, weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: zoo.ConvClassifier((8, 8), 3),
            r"image_shape must be \(height, width, channels\), each a positive int",
        ),
        (lambda: zoo.ConvClassifier((8, 8, 1), 1), "num_classes must be an int of at least 2"),
        (lambda: zoo.ConvClassifier((8, 8, 1), 2, filters=()), "filters must be one or more ints"),
        (
            lambda: make_classifier(label_smoothing=1.0),
            "label_smoothing must be a finite number of at least 0 and below 1",
        ),
        (lambda: make_classifier(training_dtype="float16"), "training_dtype must be one of"),
        (lambda: make_classifier(loss="mse"), r"leave out \['loss'\]"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# === Saving ===


def test_config_round_trip():
    config = zoo.ConvClassifier(SHAPE, 4, filters=(3, 5), name="judge").get_config()
    copy = zoo.ConvClassifier.from_config(config)
    assert copy.get_config() == config
    assert (copy.image_shape, copy.num_classes, copy.features.filters) == (SHAPE, 4, (3, 5))


def test_keras_file_round_trip(examples, tmp_path):
    classifier = make_classifier(label_smoothing=0.1, training_dtype="bfloat16", run_eagerly=True)
    classifier.fit(*examples, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    copy = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(copy(examples[0]), classifier(examples[0]))
    assert (copy.label_smoothing, copy.training_dtype) == (0.1, "bfloat16")
    assert copy.optimizer.iterations == classifier.optimizer.iterations == 2
    optimizers = [m.optimizer.variables for m in (copy, classifier)]
    for restored, saved in zip(*optimizers, strict=True):
        np.testing.assert_array_equal(restored, saved)


def test_export_is_loaded_and_served(trained, examples, tmp_path):
    images, labels = examples
    trained.export(tmp_path / "1", metadata={"why": "test"})
    loaded = zoo.load(tmp_path / "1")
    np.testing.assert_array_equal(loaded(images), trained(images))
    loaded.run_eagerly = True
    assert loaded.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] > 0.95
    served = tf.saved_model.load(tmp_path / "1").signatures
    assert set(served) == {"serving_default", "classify", "features"}
    for name in ("serving_default", "classify"):
        answer = served[name](image=tf.constant(images))["probabilities"]
        contract.assert_close(answer, trained(images))
    answer = served["features"](image=tf.constant(images))["features"]
    contract.assert_close(answer, trained.features(images))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`image` must lie in \[0, 1\]"):
        served["classify"](image=tf.constant(2 * images + 1))
    num_bytes = sum(p.stat().st_size for p in (tmp_path / "1" / "variables").iterdir())
    assert num_bytes < 4 * trained.count_params() + 5000, "each weight once"


def test_export_names_its_only_format(trained, tmp_path):
    with pytest.raises(ValueError, match="exports as 'tf_saved_model'"):
        trained.export(tmp_path / "1", format="onnx")
