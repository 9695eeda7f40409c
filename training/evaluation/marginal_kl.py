"""KL(q(z) ‖ p(z)) of the aggregate posterior, two ways (Taming VAEs, Table 2).

- By mixture: q(z) is the average of q(z|x) over N images (`mutual_information`). Where posteriors
  of different images hardly overlap it is the average KL less log N, which says little.
- By density ratio: a network that tells z ~ q(z) from z ~ p(z) has the logit log q(z)/p(z), whose
  mean over q(z) is the KL. It underestimates where the two hardly overlap.

Average KL = marginal KL + I(x; z): a check on both where I is at most about 2 nats.
"""

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from training.evaluation import mutual_information
from training.evaluation.latents import posterior_samples, prior_samples

__all__ = ["density_ratio", "measure"]

DESCRIPTION = "KL(q(z) | p(z)), nats, by mixture and by density ratio; takes minutes"

_BATCH_SIZE = 256
_VALIDATION_SHARE = 0.2
_EVALUATIONS = 20


def measure(model, data, num_images=1000, num_latents=None, num_samples=60_000, seed=0):
    """Measures KL(q(z) ‖ p(z)) on the test split.

    Args:
        model: A `zoo.LatentImageModel` without context.
        data: An `ImageDataset` of its images.
        num_images: N of the mixture.
        num_latents: z of so many images are beside the mixture; None: of all.
        num_samples: Images of the training split, at most, whose latents the network learns from.
        seed: Of the latents and the network.

    Returns:
        A dict in nats: `average_kl`, `by_mixture`, `by_density_ratio` with its
        `density_ratio_error` (standard error over the test split's latents), `mutual_information`
        (by mixture) and its cap `log_num_images`.

    Example:
        >>> measure(zoo.load("conv_draw_digits"), datasets.load("digits"))
    """
    mixture = mutual_information.measure(
        model, data, num_images=num_images, num_latents=num_latents, seed=seed
    )
    posterior = posterior_samples(model, data, "train", num_samples, seed + 1)
    prior = prior_samples(model, len(posterior), seed + 2)
    held_out = posterior_samples(model, data, "test", num_samples, seed + 3)
    logits = density_ratio(posterior, prior, held_out, seed)
    return {
        "average_kl": mixture["average_kl"],
        "by_mixture": mixture["marginal_kl"],
        "by_density_ratio": float(logits.mean()),
        "density_ratio_error": float(logits.std() / np.sqrt(len(logits))),
        "mutual_information": mixture["mutual_information"],
        "log_num_images": mixture["log_num_images"],
    }


def density_ratio(samples, other_samples, points, seed=0, steps=4000, units=256):
    """Estimates log p(z)/p'(z) from samples of both, by logistic regression with a network.

    The network has two hidden layers and sees z and z², standardised, so that the ratio of two
    normals is linear in what it sees. Of its states the one with the least loss on a fifth of the
    samples, which it does not learn from, counts.

    Args:
        samples: Of p, `[N, d]`.
        other_samples: Of p', `[M, d]`.
        points: z, `[K, d]`, that neither set holds.
        seed: Of weights and batches.
        steps: Steps of training, of 256 samples each, at least 20.
        units: Units of each hidden layer.

    Returns:
        log p(z)/p'(z) at the points, float64 `[K]`.

    Raises:
        ValueError: There are too few steps.
    """
    if steps < _EVALUATIONS:
        raise ValueError(f"steps must be at least {_EVALUATIONS}. Received: steps={steps}")
    generator = np.random.default_rng(seed)
    seen = np.concatenate([samples, other_samples])
    both = np.concatenate([seen, seen**2], axis=1)
    center, scale = both.mean(axis=0), both.std(axis=0) + 1e-6

    def features(rows):
        return ((np.concatenate([rows, rows**2], axis=1) - center) / scale).astype(np.float32)

    parts = []
    for rows in (samples, other_samples):
        rows = features(rows[generator.permutation(len(rows))])
        num = max(int(_VALIDATION_SHARE * len(rows)), 1)
        parts.append((rows[num:], rows[:num]))
    (ours, our_validation), (theirs, their_validation) = parts
    network = _make_network(ours.shape[1], units, seed)
    take_steps = _make_training(network, steps)
    best_loss, best = float("inf"), network.get_weights()
    for _ in range(_EVALUATIONS):
        size = (steps // _EVALUATIONS, _BATCH_SIZE)
        rows = [generator.integers(len(part), size=size) for part in (ours, theirs)]
        take_steps(ours[rows[0]], theirs[rows[1]])
        loss = float(_loss(network(our_validation), network(their_validation)))
        if loss < best_loss:
            best_loss, best = loss, network.get_weights()
    network.set_weights(best)

    def logits(rows):
        return np.asarray(network(rows), np.float64)

    calibration = _calibrate(logits(our_validation), logits(their_validation))
    return calibration.decision_function(logits(features(points)))


def _calibrate(ours, theirs):
    """Fits slope and offset of the logits on samples that the network did not learn from.

    A network that tells two sets well may still be too sure of itself, or off by a constant that
    hardly changes its loss; the mean logit shows both in full (Platt 1999).
    """
    rows = np.concatenate([ours, theirs])
    labels = np.repeat([1, 0], [len(ours), len(theirs)])
    # Balanced: the prior odds of the two sets are even, whatever their sizes.
    return LogisticRegression(C=np.inf, class_weight="balanced").fit(rows, labels)


def _make_network(inputs, units, seed):
    """Makes a network whose weights follow from the seed; the caller's generators stay."""

    def dense(layer, *arguments):
        initializer = keras.initializers.GlorotUniform(seed + layer)
        return keras.layers.Dense(*arguments, kernel_initializer=initializer, dtype="float32")

    hidden = [dense(layer, units, "relu") for layer in range(2)]
    return keras.Sequential([keras.Input((inputs,)), *hidden, dense(2, 1)])


def _make_training(network, steps):
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_weights)

    def step(ours, theirs):
        with tf.GradientTape() as tape:
            loss = _loss(network(ours, training=True), network(theirs, training=True))
        gradients = tape.gradient(loss, network.trainable_weights)
        optimizer.apply(gradients, network.trainable_weights)

    @tf.function(autograph=False, reduce_retracing=True)
    def take_steps(ours, theirs):
        def body(index):
            step(ours[index], theirs[index])
            return [index + 1]

        num_steps = tf.shape(ours)[0]
        tf.while_loop(lambda index: index < num_steps, body, [0], parallel_iterations=1)

    return lambda *batches: take_steps(*map(tf.constant, batches))


def _loss(ours, theirs):
    """Cross-entropy of telling samples of p (logits up) from those of p' (down)."""
    return tf.reduce_mean(tf.nn.softplus(-ours)) + tf.reduce_mean(tf.nn.softplus(theirs))
