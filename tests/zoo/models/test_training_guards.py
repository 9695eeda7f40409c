"""What training refuses: states that would be wrong without any error of TensorFlow's."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import contract
from tests.tiers import cover
from zoo import constraints


def test_under_xla_a_nan_ends_training_with_the_epoch(images):
    model = contract.make_compiled(contract.SMALLEST, jit_compile=True)
    bad = images.copy()
    bad[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"end of epoch 1 these are not finite: .*loss = nan"):
        model.fit(bad, batch_size=4, epochs=3, verbose=0)


def test_weights_that_are_not_finite_end_training_before_a_checkpoint(images, tmp_path):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    weight = model.trainable_weights[0]

    class Poison(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weight.assign(np.full(weight.shape, np.nan, np.float32))

    path = str(tmp_path / "model.keras")
    callbacks = [Poison(), keras.callbacks.ModelCheckpoint(path)]
    with pytest.raises(ValueError, match="not finite"):
        model.fit(images, batch_size=8, epochs=1, verbose=0, callbacks=callbacks)
    assert not list(tmp_path.iterdir())


def test_replicas_with_unequal_batches_are_refused_before_any_state_moves(images, two_replicas):
    with two_replicas.scope():
        model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    before = contract.state_of(model)
    ragged = tf.data.Dataset.from_tensor_slices(images[:5]).batch(5)
    with pytest.raises(ValueError, match="drop_remainder=True"):
        model.fit(ragged, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="drop_remainder=True"):
        model.evaluate(ragged, verbose=0)
    contract.assert_same_state(contract.state_of(model), before)


def test_an_objective_of_a_model_that_is_gone_is_refused(images):
    model = contract.make_compiled(contract.SMALLEST, run_eagerly=True)
    contract.train(model, images, num_steps=1)
    objective, gone = model.objective, weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    with pytest.raises(ValueError, match="already belongs to another model"):
        contract.make_model(contract.SMALLEST).compile("adam", objective=objective)


def test_gradient_accumulation_is_refused_inside_a_loss_scaling_optimizer_too():
    model = contract.make_model(contract.SMALLEST)
    inner = keras.optimizers.Adam(gradient_accumulation_steps=4)
    objective = zoo.GECO(constraints.ReconstructionError(0.1))
    with pytest.raises(ValueError, match="gradient_accumulation_steps=4"):
        model.compile(keras.optimizers.LossScaleOptimizer(inner), objective=objective)


def test_a_refused_compile_leaves_the_model_as_it_was(images):
    model = contract.make_compiled(contract.SMALLEST, "ELBO", run_eagerly=True)
    objective, optimizer = model.objective, model.optimizer
    accumulating = keras.optimizers.Adam(gradient_accumulation_steps=4)
    with pytest.raises(ValueError, match="gradient_accumulation_steps=4"):
        model.compile(accumulating, objective=zoo.GECO(constraints.ReconstructionError(0.1)))
    assert model.objective is objective
    assert model.optimizer is optimizer
    contract.train(model, images, num_steps=1)


def test_a_dtype_that_would_not_reach_the_layers_is_refused():
    with pytest.raises(ValueError, match="set_dtype_policy"):
        zoo.ConvVAE((8, 8, 1), dtype="mixed_bfloat16")


def test_a_context_shape_is_refused_by_a_model_without_context():
    with pytest.raises(ValueError, match="ConvVAE is not conditional"):
        zoo.ConvVAE((8, 8, 1), context_shape=(8, 8, 1))


def test_weights_of_another_objective_are_refused_with_the_way_out(tmp_path):
    path = str(tmp_path / "elbo.weights.h5")
    contract.make_compiled(contract.SMALLEST, "ELBO").save_weights(path)
    with pytest.raises(ValueError, match="skip_mismatch=True"):
        contract.make_compiled(contract.SMALLEST, "GECO").load_weights(path)


@pytest.mark.parametrize("name", cover(contract.FIRST_ENCODERS, ["ConvVAE", "PixelVAE"]))
def test_predict_with_a_seed_draws_as_reconstruct_does_whatever_the_batches(name, images):
    model = contract.make_model(name)
    expected = model.reconstruct(images, seed=7)
    contract.assert_close(model.predict(images, batch_size=3, seed=7), expected)
    contract.assert_close(model(images, seed=7), expected)
    assert np.abs(model.predict(images, verbose=0) - expected).max() > 1e-4
