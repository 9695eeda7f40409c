"""Real NVP against numerical Jacobians, integrals and closed forms, in float64."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from zoo.distributions import RealNVP

DIM, CONDITION_DIM, ROWS = 5, 3, 4


def moved(flow, scale=0.5, seed=0):
    """Returns the flow with all its weights drawn from the seed."""
    rng = np.random.default_rng(seed)
    for weight in flow.weights:
        weight.assign(scale * rng.normal(size=weight.shape))
    return flow


def make_flow(dim=DIM, condition_dim=CONDITION_DIM, dtype="float64", **kwargs):
    arguments = {"num_couplings": 5, "hidden_units": (7, 6)} | kwargs
    return moved(RealNVP(dim, condition_dim=condition_dim, dtype=dtype, **arguments))


def draws(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(scope="module", params=[CONDITION_DIM, None], ids=["conditional", "unconditional"])
def flow_and_condition(request):
    condition = None if request.param is None else draws(ROWS, CONDITION_DIM, seed=2)
    return make_flow(condition_dim=request.param), condition


# === Exactness ===


def numerical_log_det(flow, noise, condition, step=1e-5):
    """log |det ∂z/∂ε| by central differences, `[B]`."""
    columns = []
    for axis in np.eye(noise.shape[1]):
        ends = [flow.forward(noise + s * step * axis, condition)[0].numpy() for s in (1.0, -1.0)]
        columns.append((ends[0] - ends[1]) / (2.0 * step))
    return np.linalg.slogdet(np.stack(columns, axis=-1))[1]


def test_inverse_undoes_forward(flow_and_condition):
    flow, condition = flow_and_condition
    noise = draws(ROWS, DIM)
    latents, log_det = flow.forward(noise, condition)
    assert np.abs(latents - noise).min() > 1e-4, "every latent must have moved"
    back, inverse_log_det = flow.inverse(latents, condition)
    np.testing.assert_allclose(back, noise, rtol=0, atol=1e-10)
    np.testing.assert_allclose(inverse_log_det, -log_det, rtol=0, atol=1e-10)
    # And the other way round, at points that no draw would reach.
    latents = 3.0 * draws(ROWS, DIM, seed=3)
    again, _ = flow.forward(flow.inverse(latents, condition)[0], condition)
    np.testing.assert_allclose(again, latents, rtol=0, atol=1e-10)


def test_log_density_is_that_of_the_numerical_jacobian(flow_and_condition):
    flow, condition = flow_and_condition
    noise = draws(ROWS, DIM)
    latents, log_det = flow.forward(noise, condition)
    expected = numerical_log_det(flow, noise, condition)
    assert np.abs(expected).min() > 0.1
    np.testing.assert_allclose(log_det, expected, rtol=0, atol=1e-6)
    log_density = scipy.stats.norm.logpdf(noise).sum(axis=1) - expected
    np.testing.assert_allclose(flow.log_prob(latents, condition), log_density, rtol=0, atol=1e-6)


def test_density_integrates_to_one():
    flow = make_flow(dim=2, num_couplings=6, hidden_units=(8,))
    condition = draws(1, CONDITION_DIM, seed=2)
    points, _ = flow.forward(draws(4000, 2), np.repeat(condition, 4000, axis=0))
    low, high = np.min(points, axis=0) - 8.0, np.max(points, axis=0) + 8.0
    axes = [np.linspace(*ends, 500) for ends in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    log_density = flow.log_prob(grid, np.repeat(condition, len(grid), axis=0))
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    assert np.exp(log_density).sum() * cell == pytest.approx(1.0, abs=1e-3)


def test_it_starts_as_the_identity():
    flow = RealNVP(DIM, condition_dim=CONDITION_DIM, dtype="float64")
    noise, condition = draws(ROWS, DIM), draws(ROWS, CONDITION_DIM)
    latents, log_det = flow.forward(noise, condition)
    np.testing.assert_array_equal(latents, noise)
    np.testing.assert_array_equal(log_det, np.zeros(ROWS))
    expected = scipy.stats.norm.logpdf(noise).sum(axis=1)
    np.testing.assert_allclose(flow.log_prob(noise, condition), expected, rtol=1e-12)


def test_a_linear_flow_has_a_normal_density():
    """With biases alone each coupling is a fixed affine map of the latents that it moves."""
    flow = RealNVP(4, num_couplings=2, hidden_units=(3,), log_scale_bound=1.5, dtype="float64")
    mean, scale = np.zeros(4), np.ones(4)
    # The first coupling moves the odd latents, the second the even ones.
    for network, places, seed in zip(flow.networks, ([1, 3], [0, 2]), (5, 6), strict=True):
        bias = draws(8, seed=seed)
        network.output_layer.bias.assign(bias)
        mean[places] = bias[:4][places]
        scale[places] = np.exp(1.5 * np.tanh(bias[4:][places] / 1.5))
    latents = draws(ROWS, 4)
    expected = scipy.stats.norm.logpdf(latents, mean, scale).sum(axis=1)
    np.testing.assert_allclose(flow.log_prob(latents), expected, rtol=1e-12)


# === Couplings ===


@pytest.mark.parametrize("dim", [2, 3, 5, 8, 33, 100])
def test_any_two_latents_come_to_face_each_other(dim):
    pairs = int(np.ceil(np.log2(dim)))
    masks = RealNVP(dim, num_couplings=2 * pairs, hidden_units=(1,))._masks
    np.testing.assert_array_equal(masks[::2] + masks[1::2], np.ones((pairs, dim)))
    np.testing.assert_array_equal(np.sum(masks[::2], axis=1), np.full(pairs, dim // 2))
    differ = (masks[:, :, None] != masks[:, None, :]).any(axis=0)
    assert (differ | np.eye(dim, dtype=bool)).all()


def test_log_scales_are_bounded():
    flow = RealNVP(2, num_couplings=2, hidden_units=(3,), log_scale_bound=1.5)
    for network in flow.networks:
        network.output_layer.bias.assign([0.0, 0.0, 1e30, 1e30])
    noise = np.float32(draws(ROWS, 2))
    latents, log_det = flow.forward(noise)
    np.testing.assert_allclose(latents, np.exp(1.5) * noise, rtol=1e-6)
    np.testing.assert_allclose(log_det, np.full(ROWS, 3.0), rtol=1e-6)
    np.testing.assert_allclose(flow.inverse(latents)[0], noise, rtol=1e-5)


def test_every_weight_learns_but_for_the_idle_halves():
    flow, noise, condition = make_flow(), draws(ROWS, DIM), draws(ROWS, CONDITION_DIM)
    assert len(flow.trainable_weights) == 5 * 3 * 2 + 1
    with tf.GradientTape() as tape:
        latents, log_det = flow.forward(noise, condition)
        loss = tf.reduce_sum(latents**2) + tf.reduce_sum(log_det)
    weights = flow.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.abs(gradient).max() > 0, weight.path


# === Precision ===


def test_float32_is_as_exact_as_float32_is():
    exact, flow = make_flow(), make_flow(dtype="float32")
    noise, condition = np.float32(draws(ROWS, DIM)), np.float32(draws(ROWS, CONDITION_DIM))
    latents, log_det = flow.forward(noise, condition)
    assert latents.dtype == log_det.dtype == tf.float32
    for actual, expected in zip((latents, log_det), exact.forward(noise, condition), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(flow.inverse(latents, condition)[0], noise, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("mixed_bfloat16")
def test_mixed_precision_leaves_it_in_float32():
    exact, flow = make_flow(), moved(RealNVP(DIM, 5, (7, 6), CONDITION_DIM))
    noise = np.float32(draws(ROWS, DIM))
    condition = tf.cast(draws(ROWS, CONDITION_DIM), tf.bfloat16)  # as a trunk gives it
    latents, _ = flow.forward(noise, condition)
    assert latents.dtype == tf.float32
    expected, _ = exact.forward(noise, tf.cast(condition, tf.float64))
    np.testing.assert_allclose(latents, expected, rtol=1e-5, atol=1e-5)


# === Use ===


def test_config_round_trip():
    flow = RealNVP(3, 2, (4, 5), condition_dim=6, log_scale_bound=0.5, dtype="float64")
    config = keras.saving.serialize_keras_object(flow)
    copy = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(copy) == config
    assert [(w.path, w.shape) for w in copy.weights] == [(w.path, w.shape) for w in flow.weights]
    defaults = RealNVP(2).get_config()
    given = {name: value for name, value in flow.get_config().items() if name != "trainable"}
    assert not any(defaults[name] == value for name, value in given.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 1}, "dim must be an int of at least 2. Received: dim=1"),
        ({"dim": 2.0}, "dim must be an int"),
        (
            {"num_couplings": 0},
            "num_couplings must be an int of at least 1. Received: num_couplings=0",
        ),
        (
            {"hidden_units": ()},
            r"hidden_units must be .* ints of at least 1. Received: hidden_units=\(\)",
        ),
        ({"condition_dim": 0}, "condition_dim must be an int of at least 1"),
        ({"log_scale_bound": 0.0}, "log_scale_bound must be a finite number above 0"),
        ({"log_scale_bound": float("nan")}, "Received: log_scale_bound=nan"),
        ({"log_scale_bound": float("inf")}, "Received: log_scale_bound=inf"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RealNVP(**({"dim": 4} | arguments))


def test_bad_inputs_are_named():
    conditional, plain = make_flow(), make_flow(condition_dim=None)
    with pytest.raises(ValueError, match=r"needs a condition, \[batch, 3\]"):
        conditional.forward(draws(2, DIM))
    with pytest.raises(ValueError, match="made without condition_dim"):
        plain.log_prob(draws(2, DIM), draws(2, 3))
    with pytest.raises(ValueError, match=r"latents of shape \[batch, 5\]. Received: \(2, 4\)"):
        plain.inverse(draws(2, 4))
    with pytest.raises(ValueError, match=r"condition of shape \[batch, 3\]. Received: \(2, 5\)"):
        conditional.forward(draws(2, DIM), draws(2, 5))
