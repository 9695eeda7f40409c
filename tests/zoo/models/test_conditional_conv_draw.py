"""A conditional ConvDRAW: where the context enters, and that it costs a step nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.contract import IMAGE_SHAPE, assert_close
from zoo.layers import grid_convolution
from zoo.models.draw_context import ContextShares

pytestmark = pytest.mark.usefixtures("uncompiled")

CONTEXT_SHAPE = (*IMAGE_SHAPE[:2], 1)
GRID = (2, 4)
NUM_WEIGHTS = 20  # Of what reads the context.


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


def gradients(model, images, context, of):
    """Gradients of a function of the record by the weights of the context, by their paths."""
    weights = model.context_shares.trainable_weights
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(of(model.infer(images, context, seed=0)))
    found = tape.gradient(
        value, [w.value for w in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return {w.path: np.abs(g).max() for w, g in zip(weights, found, strict=True)}


def test_every_weight_of_the_context_is_trained(model, images, contexts):
    found = gradients(model, images, contexts[0], lambda record: record.rate + record.distortion)
    assert len(found) == NUM_WEIGHTS
    assert all(size > 1e-6 for size in found.values()), found


def test_what_the_whole_context_says_is_learned_from_the_prior_alone(model, images, contexts):
    found = gradients(model, images, contexts[0], lambda record: record.distortion)
    of_whole = [found[w.path] for w in model.context_shares.whole.trainable_weights]
    assert of_whole == [0.0] * 10
    assert found[model.context_shares.whole_to_grid.kernel.path] > 1e-6, "the gates do hear of it"


@pytest.mark.thorough
def test_learns_what_only_all_channels_together_tell():
    """The image is bright if exactly one of two contexts is: neither alone tells anything."""
    keras.utils.set_random_seed(0)
    bits = np.random.default_rng(0).integers(0, 2, (2048, 2))
    context = np.broadcast_to(bits[:, None, None], (2048, 4, 4, 2)).astype(np.float32)
    image = np.zeros((2048, 4, 4, 1), np.float32) + (bits[:, 0] ^ bits[:, 1])[:, None, None, None]
    sizes = {"num_steps": 1, "filters": 8, "latent_filters": 1, "kernel_size": 3, "stride": 4}
    model = zoo.ConvDRAW((4, 4, 1), **sizes, context_shape=(4, 4, 2))
    objective = zoo.GECO(zoo.constraints.ReconstructionError(0.2))
    model.compile(keras.optimizers.Adam(5e-3), objective=objective)
    model.fit({"image": image, "context": context}, batch_size=128, epochs=5, verbose=0)
    samples = model.sample(200, seed=0, context=context[:200]).numpy().mean(axis=(1, 2, 3))
    assert np.mean((samples > 0.5) == (image[:200, 0, 0, 0] > 0.5)) > 0.95


# === What is computed, and how often ===


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def relu(x):
    return np.maximum(x, 0)


def convolution(layer, x, kernel=None):
    """A convolution of `[B, h, w, channels]` in float64, written out, with "same" padding."""
    x = np.asarray(x, np.float64)
    kernel = np.asarray(layer.kernel if kernel is None else kernel, np.float64)
    size, stride = kernel.shape[0], layer.strides[0]
    shape = [-(-edge // stride) for edge in x.shape[1:3]]
    missing = [
        max((n - 1) * stride + size - edge, 0) for n, edge in zip(shape, x.shape[1:3], strict=True)
    ]
    padded = np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)))
    ends = [(n - 1) * stride + 1 for n in shape]
    outputs = sum(
        padded[:, i : i + ends[0] : stride, j : j + ends[1] : stride] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )
    return outputs + (np.asarray(layer.bias, np.float64) if layer.use_bias else 0.0)


def dense(layer, x):
    outputs = x @ np.asarray(layer.kernel, np.float64)
    return outputs + (np.asarray(layer.bias, np.float64) if layer.use_bias else 0.0)


def whole_context(layer, context):
    """The vector of each context, channel by channel."""
    of_channels = []
    for channel in range(context.shape[-1]):
        features = context[..., channel : channel + 1]
        for conv in layer.convs:
            features = relu(convolution(conv, features))
        of_channels.append(relu(dense(layer.of_channel, features.reshape(len(features), -1))))
    factors = dense(layer.factors, np.concatenate(of_channels, axis=1))
    size = factors.shape[1] // 2
    return relu(dense(layer.joint, factors[:, :size] * factors[:, size:]))


def positions_first(maps):
    return np.swapaxes(maps.reshape(len(maps), -1, maps.shape[-1]), 0, 1)


def test_shares_and_a_convolution_of_the_state_are_one_of_both(contexts):
    """What a step computes is the convolution of (state, features) that the paper describes."""
    model = zoo.ConvDRAW(
        IMAGE_SHAPE,
        num_steps=2,
        filters=4,
        latent_filters=2,
        kernel_size=3,
        stride=2,
        context_shape=(4, 8, 2),
    )
    context = np.concatenate(contexts, axis=-1)
    layer = model.context_shares
    whole = whole_context(layer.whole, context)
    patches = tf.nn.space_to_depth(context, 2).numpy()
    features = convolution(layer.second, elu(convolution(layer.first, patches)))
    features = elu(features + dense(layer.whole_to_grid, whole).reshape(features.shape))
    shares = layer.shares(tf.constant(context))
    of_steps = dense(layer.whole_to_steps, whole).reshape(8, 2, *GRID, 4)
    of_steps = dense(layer.steps_to_prior, of_steps)
    rng = np.random.default_rng(2)
    for head, of_features, share, more in (
        (model.prior_head, layer.prior, shares.prior(0), of_steps[:, 0]),
        (model.prior_head, layer.prior, shares.prior(1), of_steps[:, 1]),
        (model.decoder_gates, layer.decoder_gates, shares.decoder_gates, 0.0),
        (model.image_gates, layer.encoder_gates, shares.encoder_gates, 0.0),
    ):
        state = rng.normal(size=(8, *GRID, head.kernel.shape[2])).astype(np.float32)
        kernel = np.concatenate([head.kernel, of_features.kernel], axis=2)
        together = convolution(head, np.concatenate([state, features], -1), kernel) + more
        once = grid_convolution(head, GRID)(tf.constant(positions_first(state))) + share
        assert_close(once, positions_first(together))


def test_state_and_context_meet_in_the_hidden_layer_of_the_prior(contexts):
    """Of two steps at once, and of the second alone, as when it is drawn."""
    sizes = {"filters": 4, "latent_filters": 2, "kernel_size": 3, "stride": 2}
    model = zoo.ConvDRAW(
        IMAGE_SHAPE, num_steps=2, prior_filters=3, context_shape=CONTEXT_SHAPE, **sizes
    )
    nets = model._prepare(tf.constant(contexts[0]), None)
    states = np.random.default_rng(2).normal(size=(2, 8, *GRID, 4)).astype(np.float32)
    given = [tf.constant(positions_first(state)) for state in states]
    together = model._prior_parameters(nets, given)
    for step, state in enumerate(states):
        share = np.swapaxes(nets.shares.prior(step).numpy(), 0, 1).reshape(8, *GRID, 3)
        hidden = convolution(model.prior_hidden, state) + share
        expected = convolution(model.prior_head, hidden / (1 + np.exp(-hidden)))
        assert_close(together[step], positions_first(expected))
        assert_close(model._prior_parameters(nets, [given[step]], step)[0], together[step])


def test_large_contexts_are_halved_until_the_dense_layers_can_take_them():
    model = zoo.ConvDRAW((36, 20, 1), 1, 2, 1, 3, 4, context_shape=(36, 20, 1))
    assert len(model.context_shares.whole.convs) == 4
    assert model.context_shares.whole.of_channel.kernel.shape[0] == 3 * 2 * 2


def test_the_context_is_encoded_once_whatever_the_steps(images, contexts, monkeypatch):
    calls = []
    shares = ContextShares.shares
    monkeypatch.setattr(
        ContextShares, "shares", lambda self, context: calls.append(1) or shares(self, context)
    )
    sizes = {"filters": 4, "latent_filters": 2, "stride": 2}
    model = zoo.ConvDRAW(IMAGE_SHAPE, num_steps=3, context_shape=CONTEXT_SHAPE, **sizes)
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
    assert len(conditional.weights) == len(shapes) + NUM_WEIGHTS
    assert len({w.path for w in conditional.weights}) == len(shapes) + NUM_WEIGHTS, (
        "each has its own name"
    )


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
