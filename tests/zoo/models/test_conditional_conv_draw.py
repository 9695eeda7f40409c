"""A conditional ConvDRAW: where the context enters, and that it costs a step nothing."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import CONTEXT_SHAPE, IMAGE_SHAPE, assert_close
from zoo.layers import grid_convolution
from zoo.models.draw_context import ContextShares

GRID = (2, 4)


@pytest.fixture(scope="module")
def model():
    return contract.make_model("ConvDRAW_conditional")


@pytest.fixture(scope="module")
def contexts():
    """Eight contexts and eight others, float32 in [0, 1]."""
    rng = np.random.default_rng(1)
    return rng.uniform(size=(2, 8, *CONTEXT_SHAPE)).astype(np.float32)


def differs_in_every_row(values, others):
    difference = np.abs(np.asarray(values) - np.asarray(others))
    return (difference.reshape(len(difference), -1).max(axis=1) > 1e-4).all()


# === Where the context enters ===


def test_first_prior_depends_on_the_context(model, contexts):
    """Before the first step the decoder's state is zero: the context alone can tell."""
    first, other = (model.sample_prior(8, 0, temperature=0.0, context=c)[0] for c in contexts)
    assert differs_in_every_row(first, other)
    noisy = [model.sample_prior(8, seed=1, context=c)[0] for c in contexts]
    assert differs_in_every_row(noisy[0] - first, noisy[1] - other), "its scale does too"


def test_first_posterior_depends_on_the_context(model, images, contexts):
    first, other = (model.encode(images, c)[0] for c in contexts)
    assert differs_in_every_row(first, other)


def test_decoder_depends_on_the_context(model, images, contexts):
    latents = model.encode(images, contexts[0])
    first, other = (model.decode(latents, c).mean() for c in contexts)
    assert differs_in_every_row(first, other)


@pytest.mark.parametrize("quantity", ["rate", "distortion", "log_prior", "log_posterior"])
def test_terms_of_the_record_depend_on_the_context(model, images, contexts, quantity):
    first, other = (getattr(model.infer(images, c, seed=2), quantity) for c in contexts)
    assert differs_in_every_row(first, other)


def test_samples_and_log_prob_depend_on_the_context(model, images, contexts):
    assert differs_in_every_row(*(model.sample(8, seed=0, context=c) for c in contexts))
    assert differs_in_every_row(*(model.log_prob(images, 2, context=c) for c in contexts))


def test_a_row_depends_on_its_own_context_alone(model, images, contexts):
    mixed = contexts[0].copy()
    mixed[3] = contexts[1][3]
    others = np.arange(8) != 3
    samples = [model.sample(8, seed=0, context=c).numpy() for c in (contexts[0], mixed)]
    assert_close(samples[1][others], samples[0][others])
    assert differs_in_every_row(samples[1][3:4], samples[0][3:4])
    rates = [model.infer(images, c, seed=0).rate.numpy() for c in (contexts[0], mixed)]
    assert_close(rates[1][others], rates[0][others])
    assert rates[1][3] != rates[0][3]


def test_every_weight_of_the_context_is_trained(model, images, contexts):
    with tf.GradientTape() as tape:
        record = model.infer(images, contexts[0], seed=0)
        loss = tf.reduce_sum(record.rate + record.distortion)
    gradients = tape.gradient(loss, model.context_shares.trainable_weights)
    assert len(gradients) == 7
    assert all(np.abs(gradient).max() > 1e-6 for gradient in gradients)


# === Computed once ===


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def same_convolution(x, kernel, bias=0.0):
    """A convolution of `[B, h, w, channels]` in float64, written out."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    size, (height, width) = kernel.shape[0], x.shape[1:3]
    half = size // 2
    padded = np.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    ) + np.asarray(bias, np.float64)


def test_shares_and_a_convolution_of_the_state_are_one_of_both(images, contexts):
    """What a step computes is the convolution of (state, features) that the paper describes."""
    model = contract.make_model("ConvDRAW_conditional")
    patches = tf.nn.space_to_depth(contexts[0], 2).numpy()
    layer = model.context_shares
    features = patches
    for conv in (layer.first, layer.second):
        features = elu(same_convolution(features, conv.kernel, conv.bias))
    shares = layer.shares(model._to_positions(tf.constant(patches)))
    rng = np.random.default_rng(2)
    for head, share, name in (
        (model.prior_head, shares.prior, "prior"),
        (model.decoder_gates, shares.decoder_gates, "decoder_gates"),
        (model.image_gates, shares.encoder_gates, "encoder_gates"),
    ):
        state = rng.normal(size=(8, *GRID, head.kernel.shape[2])).astype(np.float32)
        kernel = np.concatenate([head.kernel, getattr(layer, name).kernel], axis=2)
        together = same_convolution(np.concatenate([state, features], -1), kernel, head.bias)
        once = grid_convolution(head, GRID)(model._to_positions(tf.constant(state))) + share
        assert_close(once, model._to_positions(tf.constant(together)))


def test_the_context_is_encoded_once_whatever_the_steps(images, contexts, monkeypatch):
    calls = []
    shares = ContextShares.shares
    monkeypatch.setattr(
        ContextShares, "shares", lambda self, patches: calls.append(1) or shares(self, patches)
    )
    model = zoo.ConvDRAW(IMAGE_SHAPE, num_steps=5, stride=2, context_shape=CONTEXT_SHAPE)
    model.infer(images, contexts[0], seed=0)
    model.sample(8, seed=0, context=contexts[0])
    assert len(calls) == 2


# === Without context ===


def test_model_without_context_has_no_weights_for_it():
    arguments = {"num_steps": 2, "filters": 4, "latent_filters": 2, "stride": 2}
    plain = zoo.ConvDRAW(IMAGE_SHAPE, **arguments)
    conditional = zoo.ConvDRAW(IMAGE_SHAPE, **arguments, context_shape=CONTEXT_SHAPE)
    shapes = [(w.name, w.shape) for w in conditional.weights if "context" not in w.path]
    assert [(w.name, w.shape) for w in plain.weights] == shapes
    assert len(conditional.weights) == len(shapes) + 7
    assert len({w.path for w in conditional.weights}) == len(shapes) + 7, "each has its own name"


def test_a_context_for_a_model_without_one_is_refused_by_every_method(images, contexts):
    model = contract.make_model("ConvDRAW")
    latents = model.encode(images)
    message = "made without context_shape"
    for call in (
        lambda: model.decode(latents, contexts[0]),
        lambda: model.log_prior(latents, contexts[0]),
        lambda: model.log_posterior(latents, images, contexts[0]),
        lambda: model.sample(8, context=contexts[0]),
        lambda: model.log_prob(images, context=contexts[0]),
        lambda: model.fit({"image": images, "context": contexts[0]}, verbose=0),
    ):
        if not model.compiled:
            model.compile()
        with pytest.raises(ValueError, match=message):
            call()


# === Refusals ===


@pytest.mark.parametrize("shape", [(8, 4, 1), (2, 4, 1), (4, 4, 3)])
def test_context_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"image_shape=\(4, 8, 2\).*Received.*Resize or pad"):
        zoo.ConvDRAW(IMAGE_SHAPE, stride=2, context_shape=shape)


def test_context_is_asked_for(model, images):
    with pytest.raises(ValueError, match=r"conditional: pass context=.*\[batch, 4, 8, 1\]"):
        model.reconstruct(images)


@pytest.mark.parametrize("num", [1, 3])
def test_another_number_of_contexts_is_refused(model, images, contexts, num):
    context = contexts[0][:num]
    latents = model.encode(images, contexts[0])
    for call in (
        lambda: model.infer(images, context, seed=0),
        lambda: model.sample(8, seed=0, context=context),
        lambda: model.decode(latents, context),
        lambda: model.log_prob(images, 1, context=context),
    ):
        with pytest.raises(ValueError, match=rf"each of the 8 .*{num} contexts.*tf\.repeat"):
            call()
