"""Keras's Adam, with TensorFlow's one kernel for what Keras writes as forty operations a weight."""

import functools

import keras
import tensorflow as tf

__all__ = ["fuse"]


def fuse(optimizer):
    """Makes an optimiser update each weight by one operation, if it is Keras's Adam or AdamW.

    The update is the same to rounding, and so are the optimiser's state, its config and what is
    saved: clipping, decay, averages and loss scales are Keras's still. Half of a step's graph was
    Adam's. AMSGrad, sparse gradients and other optimisers keep Keras's update.

    Source: Adam, Kingma & Ba 2015, in the order of operations of the end of Section 2.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # Of a loss scale.
    update = type(optimizer).update_step
    if update is keras.optimizers.Adam.update_step and not optimizer.amsgrad:
        optimizer.update_step = functools.partial(_update_step, optimizer)


def _update_step(adam, gradient, variable, learning_rate):
    if isinstance(gradient, tf.IndexedSlices):
        type(adam).update_step(adam, gradient, variable, learning_rate)
        return
    as_dtype = functools.partial(tf.cast, dtype=variable.dtype)
    index = adam._get_variable_index(variable)
    step = as_dtype(adam.iterations + 1)
    beta_1, beta_2 = as_dtype(adam.beta_1), as_dtype(adam.beta_2)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=adam._momentums[index].value.handle,
        v=adam._velocities[index].value.handle,
        beta1_power=beta_1**step,
        beta2_power=beta_2**step,
        lr=as_dtype(learning_rate),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=as_dtype(adam.epsilon),
        grad=as_dtype(gradient),
    )
