"""GECO against an independent float64 recursion, and all it refuses."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from zoo.constraints import Constraint, ReconstructionError

STEPS = 100


@keras.saving.register_keras_serializable("tests")
class BrightnessError(Constraint):
    """A second constraint: reconstructions as bright as the images, to within the tolerance."""

    def values(self, record):
        difference = tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3))
        return difference**2 - self.tolerance**2


class StepLog(keras.callbacks.Callback):
    """Keeps each step's own logs and GECO's state after it."""

    def __init__(self):
        super().__init__()
        self.logs, self.averages, self.log_multipliers = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))
        objective = self.model.objective
        self.averages.append(
            keras.ops.convert_to_numpy(objective.moving_averages).astype(np.float64)
        )
        self.log_multipliers.append(
            keras.ops.convert_to_numpy(objective.log_multipliers).astype(np.float64)
        )
        self.model.reset_metrics()  # the next step's logs are that step's alone

    def of(self, name):
        return np.array([float(logs[name]) for logs in self.logs])

    def violations(self, names):
        return np.stack([self.of(f"{name}_violation") for name in names], axis=1)


def run_and_log(objective, num_steps=STEPS, learning_rate=1e-2):
    """Trains the smallest model on changing batches; returns the log of its steps."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(32 * 4, *contract.IMAGE_SHAPE)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(images).batch(4).repeat()
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(learning_rate), objective=objective, seed=0)
    log = StepLog()
    model.fit(data, steps_per_epoch=num_steps, verbose=0, callbacks=[log])
    return log


def moving_averages(violations, decay):
    """M_0 = C_0; M_t = α M_{t-1} + (1 - α) C_t (Algorithm 1)."""
    averages = [violations[0]]
    for violation in violations[1:]:
        averages.append(decay * averages[-1] + (1 - decay) * violation)
    return np.array(averages)


def assert_loss_has_the_averages_value(log, averages, initial_log_multipliers):
    """L_t = mean rate + Σ λ_t M_t with the multipliers from before the step (the first: given)."""
    before = np.exp(np.concatenate([[initial_log_multipliers], log.log_multipliers[:-1]]))
    expected = log.of("rate") + (before * averages).sum(axis=1)
    scale = log.of("rate") + (before * np.abs(averages)).sum(axis=1)
    assert np.abs((log.of("loss") - expected) / scale).max() < 5e-4


# === The update, step by step ===


def test_algorithm_1_is_the_papers_recursion():
    objective = zoo.GECO(
        [ReconstructionError(0.3, name="error"), BrightnessError(0.05)],
        update="algorithm-1",
        step_size=0.7,
        decay=0.95,
    )
    log = run_and_log(objective)
    averages = moving_averages(log.violations(["error", "brightness_error"]), decay=0.95)
    multipliers = np.ones((STEPS + 1, 2))
    for step in range(STEPS):
        multipliers[step + 1] = multipliers[step] * np.exp(0.7 * averages[step])
    np.testing.assert_allclose(log.averages, averages, atol=1e-6)
    np.testing.assert_allclose(np.exp(log.log_multipliers), multipliers[1:], rtol=1e-4)
    assert abs(np.log(multipliers[-1, 0])) > 0.1, "the run must move the multiplier to test it"
    np.testing.assert_allclose(log.of("error_multiplier"), multipliers[1:, 0], rtol=1e-4)
    assert_loss_has_the_averages_value(log, averages, [0.0, 0.0])


def test_paper_default_is_a_step_size_of_1_and_a_decay_of_099():
    objective = zoo.GECO(ReconstructionError(0.1), update="algorithm-1")
    assert (objective.step_size, objective.decay) == (1.0, 0.99)


def default_changes_of_log_multiplier(signals, step_size, gain):
    """The documented changes of log λ, for a constraint whose log_discount is its signal."""
    changes, discount_before = [], 0.0
    for step, signal in enumerate(signals):
        bounded, before = np.clip([signal, signals[max(step - 1, 0)]], -0.5, 0.5)
        slowdown = np.exp(-2 * max(sum(changes), 0.0))
        integral = min(signal, 0.05) * slowdown if signal > 0 else bounded
        discount = max(signal, 0.0)  # As the ELBO: λ falls as much as the error is larger.
        proportional = gain * (bounded - before)
        changes.append(step_size * integral + proportional + discount_before - discount)
        discount_before = discount
    return np.array(changes)


@pytest.mark.thorough
@pytest.mark.parametrize("settings", [{}, {"step_size": 0.03, "decay": 0.8}])
def test_default_update_is_the_documented_recursion(settings):
    tolerance = 0.6  # near the error of the untrained model: signals are large first, then small
    objective = zoo.GECO(ReconstructionError(tolerance, name="error"), **settings)
    log = run_and_log(objective)
    averages = moving_averages(log.violations(["error"]), objective.decay)
    signals = np.log1p(averages / tolerance**2)  # log(M / κ²) for M the mean squared error
    changes = default_changes_of_log_multiplier(
        signals[:, 0], objective.step_size, objective.proportional_gain
    )
    initial = np.log(np.prod(contract.IMAGE_SHAPE) / (2 * tolerance**2))
    np.testing.assert_allclose(log.averages, averages, atol=1e-6)
    log_multipliers = np.array(log.log_multipliers)[:, 0]
    np.testing.assert_allclose(log_multipliers, initial + np.cumsum(changes), atol=2e-4)
    is_far = np.abs(signals) > 0.5
    assert 0 < is_far.sum() < STEPS, "the run must be far from its tolerance, then near"
    # The first step starts from the ELBO's weight already.
    assert_loss_has_the_averages_value(log, averages, log.log_multipliers[0])


def test_default_update_of_two_constraints_moves_each_by_its_own_signal():
    # The second constraint has the default signal, its violation itself, and starts at λ = 1.
    objective = zoo.GECO([ReconstructionError(0.2, name="error"), BrightnessError(0.9)])
    log = run_and_log(objective, num_steps=20)
    violations = log.violations(["error", "brightness_error"])
    averages = moving_averages(violations, objective.decay)
    changes = default_changes_of_log_multiplier(
        averages[:, 1], objective.step_size, objective.proportional_gain
    )
    log_multipliers = np.array(log.log_multipliers)
    np.testing.assert_allclose(log_multipliers[:, 1], np.cumsum(changes), atol=1e-5)
    assert np.ptp(log_multipliers[:, 1]) > 1e-3
    assert log_multipliers[-1, 0] > 3


# === The gradient ===


def attached(objective):
    model = contract.make_model(contract.SMALLEST)
    model.compile(contract.linear_optimizer(), objective=objective, run_eagerly=True)
    return model


def test_gradient_is_that_of_the_batch_with_the_multipliers_fixed():
    objective = zoo.GECO([ReconstructionError(0.2, name="error"), BrightnessError(0.3)])
    model = attached(objective)
    objective.log_multipliers.assign([np.log(7.0), np.log(3.0)])
    objective.num_updates.assign(5.0)  # the moving average is not the batch's own value
    names = ("rate", "error", "brightness_error")
    terms = {name: tf.random.uniform([4]) for name in names}
    with tf.GradientTape() as tape:
        tape.watch(terms)
        loss = model.objective.loss(terms, training=True)
    gradients = tape.gradient(loss, terms)
    for name, weight in zip(names, (1.0, 7.0, 3.0), strict=True):
        np.testing.assert_allclose(gradients[name], [weight / 4] * 4, rtol=1e-6)


def test_evaluation_measures_the_batch_and_moves_nothing():
    objective = zoo.GECO(ReconstructionError(0.2, name="error"))
    model = attached(objective)
    objective.log_multipliers.assign([np.log(7.0)])
    objective.moving_averages.assign([100.0])
    before = contract.state_of(model)
    terms = {"rate": tf.constant([1.0, 3.0]), "error": tf.constant([0.1, 0.3])}
    assert float(objective.loss(terms, training=False)) == pytest.approx(2.0 + 7.0 * 0.2)
    contract.assert_same_state(contract.state_of(model), before)


# === Bounds, precision and reports ===


@pytest.mark.parametrize(("start", "violation", "bound"), [(29.9, 1.0, 30.0), (-29.9, -1.0, -30.0)])
def test_log_multiplier_is_clipped_and_stays_a_positive_finite_multiplier(start, violation, bound):
    objective = zoo.GECO(BrightnessError(0.3), update="algorithm-1")
    attached(objective)
    objective.log_multipliers.assign([start])
    for _ in range(3):
        terms = {"rate": tf.zeros([2]), "brightness_error": tf.fill([2], violation)}
        objective.loss(terms, training=True)
    assert float(objective.log_multipliers[0]) == bound
    assert 0 < objective.multipliers["brightness_error"] < np.inf
    assert objective.infeasible() == (["brightness_error"] if bound > 0 else [])


def test_a_constraint_that_cannot_be_met_is_reported_once(images, caplog):
    constraints = [ReconstructionError(1e-3, name="error"), BrightnessError(0.9)]
    objective = zoo.GECO(constraints, update="algorithm-1")
    model = contract.make_model(contract.SMALLEST)
    model.compile(keras.optimizers.Adam(), objective=objective, run_eagerly=True)
    model.objective.log_multipliers.assign([29.999, 0.0])
    with caplog.at_level(logging.WARNING):
        model.fit(images, batch_size=4, epochs=3, verbose=0)
    [message] = [r.getMessage() for r in caplog.records if r.name.startswith("zoo")]
    assert "the tolerance of error is not met, though its multiplier has risen to" in message
    assert "able to meet it. Loosen it, or" in message


@pytest.mark.parametrize(
    ("rise", "average", "expected"),
    [
        (2.1, 2.0, ["error"]),
        (1.9, 2.0, []),  # It may yet be met.
        (2.1, 0.05, []),  # It is met, near enough.
    ],
)
def test_a_multiplier_far_above_its_start_tells_what_cannot_be_met(rise, average, expected):
    constraint = ReconstructionError(0.2, name="error")
    objective = zoo.GECO(constraint)
    attached(objective)
    objective.log_multipliers.assign(objective.log_multipliers + np.log(rise))
    objective.moving_averages.assign([average * constraint.scale])
    assert objective.infeasible() == expected


def test_a_constraint_that_can_be_met_is_not_reported(images, caplog):
    model = attached(zoo.GECO(ReconstructionError(0.3)))
    model.fit(images, batch_size=4, epochs=2, verbose=0)
    assert [r for r in caplog.records if r.name.startswith("zoo")] == []


@pytest.mark.usefixtures("mixed_bfloat16")
def test_state_and_terms_are_float32_under_mixed_precision(images):
    objective = zoo.GECO(ReconstructionError(0.2))
    model = attached(objective)
    contract.train(model, images, num_steps=1)
    terms = objective.terms(model, model.infer(images, seed=0))
    assert {term.dtype for term in terms.values()} == {tf.float32}
    assert {variable.dtype for variable in objective.weights} == {"float32"}
    assert len(objective.weights) == 3


# === Bad arguments ===


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"constraints": []}, "at least one constraint.*Received: \\[\\]"),
        ({"constraints": "rmse"}, "takes a zoo.constraints.Constraint.*Received: 'rmse'"),
        ({"constraints": 0.1}, "takes a zoo.constraints.Constraint.*Received: 0.1"),
        ({"decay": 1.0}, "decay must be .* of at least 0 and below 1.*decay=1.0"),
        ({"decay": -0.1}, "decay must be .* of at least 0 and below 1.*decay=-0.1"),
        ({"decay": float("nan")}, "decay must be .* of at least 0 and below 1.*decay=nan"),
        ({"step_size": 0}, "step_size must be a finite number above 0.*step_size=0"),
        ({"step_size": -1.0}, "step_size must be a finite number above 0.*step_size=-1.0"),
        ({"decay": "a"}, "decay must be .* of at least 0 and below 1.*decay='a'"),
        ({"delay": True}, "delay must be an int .*: a number of steps.*delay=True"),
        ({"proportional_gain": -1.0}, "proportional_gain must be .* at least 0.*gain=-1.0"),
        ({"proportional_gain": float("inf")}, "proportional_gain must be a finite.*gain=inf"),
        ({"log_multiplier_bounds": (-30, 100)}, "at most 88.*bounds=\\(-30, 100\\)"),
        ({"log_multiplier_bounds": ("a", "b")}, "must be \\(least, largest\\).*'a'"),
        ({"update": "adam"}, "one of 'algorithm-1', .*update='adam'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {"constraints": ReconstructionError(0.1)} | arguments
    with pytest.raises(ValueError, match=message):
        zoo.GECO(**arguments)


def test_two_constraints_of_one_name_are_refused():
    pair = [ReconstructionError(0.1), ReconstructionError(0.2)]
    with pytest.raises(ValueError, match=r"name of its own: pass name=.*\['reconstruction_error'"):
        zoo.GECO(pair)


def test_a_constraint_cannot_take_the_place_of_the_rate():
    with pytest.raises(ValueError, match=r"cannot have the name .* 'rate': pass another"):
        zoo.GECO(ReconstructionError(0.1, name="rate"))


def test_gradient_accumulation_is_refused_by_name():
    model = contract.make_model(contract.SMALLEST)
    optimizer = keras.optimizers.Adam(gradient_accumulation_steps=4)
    with pytest.raises(ValueError, match=r"use a larger batch.*gradient_accumulation_steps=4"):
        model.compile(optimizer, objective=zoo.GECO(ReconstructionError(0.1)))


def test_a_learned_scale_is_refused_by_name():
    model = zoo.ConvVAE((4, 4, 1), filters=(2,), likelihood=zoo.distributions.Gaussian("learned"))
    with pytest.raises(ValueError, match=r"never train .*scale='learned'.*scale='running'"):
        model.compile(keras.optimizers.Adam(), objective=zoo.GECO(ReconstructionError(0.1)))
    model.compile(keras.optimizers.Adam(), objective=zoo.ELBO())
