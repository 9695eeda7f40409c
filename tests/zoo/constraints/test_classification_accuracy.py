"""The classification accuracy against float64 NumPy and SciPy, and what labels it takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import zoo
from tests.zoo.constraints.conftest import assert_gradient, make_record
from zoo.constraints import ClassificationAccuracy

LABELS = np.array([0, 2, 1, 1, 3])


def make_classifier(image_shape=(12, 16, 3), activation="softmax", num_classes=4):
    classifier = keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(num_classes, activation=activation),
        ]
    )
    rng = np.random.default_rng(3)
    classifier.set_weights([0.2 * rng.normal(size=w.shape) for w in classifier.weights])
    return classifier


def reference(classifier, images, labels, tolerance):
    kernel, bias = (np.float64(w) for w in classifier.get_weights())
    logits = np.float64(images).reshape(len(images), -1) @ kernel + bias
    return tolerance - special.softmax(logits, axis=1)[np.arange(len(images)), labels]


@pytest.mark.parametrize("activation", ["softmax", None], ids=["probabilities", "logits"])
def test_values_are_the_shortfall_of_the_true_classs_probability(pairs, activation):
    classifier = make_classifier(activation=activation)
    constraint = ClassificationAccuracy(0.9, classifier, from_logits=activation is None)
    values = constraint.values(make_record(*pairs, labels=LABELS))
    assert (values.shape, values.dtype) == ((5,), tf.float32)
    np.testing.assert_allclose(values, reference(classifier, pairs[1], LABELS, 0.9), atol=2e-6)


@pytest.mark.parametrize(
    "labels",
    [LABELS.astype(np.uint8), LABELS[:, None], np.eye(4)[LABELS], np.eye(4, dtype=int)[LABELS]],
    ids=["uint8", "column", "one-hot", "one-hot ints"],
)
def test_labels_may_be_ints_a_column_of_them_or_one_hot(pairs, labels):
    constraint = ClassificationAccuracy(0.9, make_classifier())
    expected = constraint.values(make_record(*pairs, labels=LABELS))
    np.testing.assert_array_equal(constraint.values(make_record(*pairs, labels=labels)), expected)


def test_gradient_is_that_of_finite_differences_and_the_classifier_is_frozen(pairs):
    constraint = ClassificationAccuracy(0.9, make_classifier())
    assert_gradient(constraint, *pairs, labels=LABELS)
    assert constraint.trainable_weights == []


def test_signal_is_the_logarithm_of_how_many_times_too_much_is_wrong():
    constraint = ClassificationAccuracy(0.95, make_classifier())
    for accuracy, expected in ((0.95, 0.0), (0.9, np.log(2)), (0.975, -np.log(2))):
        violation = np.float32(0.95 - accuracy)
        assert float(constraint.signal(violation)) == pytest.approx(expected, abs=1e-4)
    assert constraint.initial_multiplier((12, 16, 3)) == pytest.approx(12 * 16 * 3 / 0.1)


# === Refusals ===


@pytest.mark.parametrize("tolerance", [0, 1, -0.5, 1.5, float("nan"), "0.9", None])
def test_a_tolerance_is_a_probability(tolerance):
    with pytest.raises(
        ValueError, match=r"above 0 and below 1: the mean probability.*Received: tol"
    ):
        ClassificationAccuracy(tolerance, make_classifier())


def compiled(images, classifier=None, **kwargs):
    model = zoo.ConvVAE(images.shape[1:], latent_dim=2, filters=(2,), hidden_units=4)
    classifier = classifier or make_classifier(images.shape[1:])
    objective = zoo.GECO(ClassificationAccuracy(0.9, classifier, **kwargs))
    model.compile(objective=objective, run_eagerly=True)
    return model


def test_a_batch_without_labels_is_refused_by_name(images):
    model = compiled(images)
    with pytest.raises(ValueError, match=r"needs the label .* has none. Pass \(images, labels\)"):
        model.fit(images, verbose=0)
    with pytest.raises(ValueError, match="ClassificationAccuracy needs the label"):
        model.evaluate(images, verbose=0)
    labels = np.zeros(8, int)
    with pytest.raises(ValueError, match="as validation_data"):
        model.fit({"image": images, "label": labels}, validation_data=(images,), verbose=0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(8, 4), "classes 0 to 3, so labels must lie there.*labels from 4 to 4"),
        (np.arange(-1, 7), "labels must lie there.*from -1 to 6"),
        (np.zeros(8), r"ints from 0 to 3, .* one-hot rows of 4.*shape \(8,\) and type float32"),
        (np.zeros((8, 3), int), "one-hot rows of 4"),
    ],
)
def test_labels_that_are_not_the_classifiers_are_named(images, labels, message):
    with pytest.raises(ValueError, match=message):
        compiled(images).fit(images, labels, verbose=0)


def test_logits_that_pass_for_probabilities_are_named(images):
    model = compiled(images, make_classifier(images.shape[1:], activation=None))
    with pytest.raises(ValueError, match=r"must give class probabilities.*pass from_logits=True"):
        model.fit(images, np.zeros(8, int), verbose=0)


def test_a_classifier_must_give_one_row_of_scores(images):
    for network in (
        keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Conv2D(3, 1)]),
        make_classifier(images.shape[1:], "sigmoid", num_classes=1),
    ):
        with pytest.raises(ValueError, match=r"each of at least 2 classes.*Received: an output"):
            compiled(images, network)


def test_labels_reach_the_constraint_in_either_form_of_batch(images):
    labels = np.arange(8) % 4
    first, second = compiled(images), compiled(images)
    as_dict = tf.data.Dataset.from_tensors({"image": images, "label": labels})
    as_pair = tf.data.Dataset.from_tensors((images, labels))
    logs = [
        m.evaluate(d, verbose=0, return_dict=True) for m, d in ((first, as_dict), (first, as_pair))
    ]
    assert logs[0] == pytest.approx(logs[1])
    assert -0.1 < logs[0]["classification_accuracy_violation"] < 0.9
    second.fit(as_pair, verbose=0)
