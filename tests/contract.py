"""What the contract tests run over: a new architecture or objective adds one entry here.

An entry sets every constructor argument to something that is not its default; where one entry
cannot (a network of one's own replaces `filters`), an entry in the table of variants does.
`test_contract*.py` in tests/zoo/models hold the tests themselves.
"""

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo import constraints, distributions, divergences, random

IMAGE_SHAPE = (4, 8, 2)
CONTEXT_SHAPE = (4, 8, 1)
_RUNNING_SCALE = {"decay": 0.9, "mean": "linear"}


def _own_encoder():
    return keras.Sequential([keras.Input(IMAGE_SHAPE), keras.layers.Conv2D(3, 2, 2)])


def _own_decoder():
    size = int(np.prod(IMAGE_SHAPE))
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(size), keras.layers.Reshape(IMAGE_SHAPE)]
    )


def _classifier():
    """A linear classifier of two classes, which a constraint freezes."""
    classifier = keras.Sequential(
        [
            keras.Input(IMAGE_SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax", bias_initializer="ones"),
        ]
    )
    rng = np.random.default_rng(6)
    classifier.set_weights([rng.normal(size=w.shape) for w in classifier.weights])
    return classifier


@keras.saving.register_keras_serializable("tests")
def darkening(record):
    """A function of one's own to constrain: by how much reconstructions are too dark, squared."""
    return tf.reduce_mean(record.images - record.reconstruction, axis=(1, 2, 3)) ** 2


# The first model is the smallest: it runs with every objective.
MODELS = {
    "ConvVAE": lambda: zoo.ConvVAE(
        IMAGE_SHAPE,
        latent_dim=3,
        filters=(4,),
        hidden_units=8,
        likelihood=distributions.Gaussian(**_RUNNING_SCALE),
    ),
    "ConvDRAW": lambda: zoo.ConvDRAW(
        IMAGE_SHAPE,
        num_steps=3,
        filters=4,
        latent_filters=2,
        kernel_size=3,
        stride=2,
        likelihood=distributions.Gaussian(**_RUNNING_SCALE),
    ),
    "PixelVAE": lambda: zoo.PixelVAE(
        IMAGE_SHAPE,
        latent_dim=3,
        filters=4,
        num_blocks=1,
        kernel_size=5,
        first_kernel_size=3,
        encoder_filters=(4,),
        hidden_units=8,
        likelihood=distributions.DiscretizedLogisticMixture(num_components=2),
    ),
    "NVPVAE": lambda: zoo.NVPVAE(
        IMAGE_SHAPE,
        latent_dim=3,
        num_couplings=2,
        coupling_units=(3,),
        filters=(4,),
        hidden_units=6,
        likelihood=distributions.Gaussian(**_RUNNING_SCALE),
        prior="real_nvp",
    ),
    "SequentialVAE": lambda: zoo.SequentialVAE(
        IMAGE_SHAPE,
        num_steps=2,
        latent_dims=(2, 3),
        filters=(4, 5),
        hidden_units=6,
        share_weights=True,
        reconstruct_every_step=False,
        denoise=0.05,
        likelihood=distributions.Gaussian(**_RUNNING_SCALE),
    ),
}
# Models whose likelihood has no mean, so that constraints on reconstructions refuse them.
WITHOUT_MEAN = ("PixelVAE",)
# Those, and models of which parts learn from the distortion alone.
REFUSED_BY_GECO = (*WITHOUT_MEAN, "SequentialVAE_stop_gradient")
MODEL_VARIANTS = {
    "ConvVAE_own_networks": lambda: zoo.ConvVAE(
        IMAGE_SHAPE, latent_dim=2, encoder=_own_encoder(), decoder=_own_decoder()
    ),
    "ConvDRAW_conditional": lambda: zoo.ConvDRAW(
        IMAGE_SHAPE,
        num_steps=2,
        filters=4,
        latent_filters=2,
        kernel_size=3,
        stride=2,
        context_shape=CONTEXT_SHAPE,
    ),
    "SequentialVAE_stop_gradient": lambda: zoo.SequentialVAE(
        IMAGE_SHAPE,
        num_steps=2,
        latent_dims=(2,),
        filters=(4,),
        hidden_units=6,
        stop_gradient=True,
    ),
}

OBJECTIVES = {
    "GECO": lambda: zoo.GECO(
        # Near the error of the untrained models, so that the multiplier moves at once.
        constraints.ReconstructionError(0.6, name="error"),
        decay=0.9,
        step_size=0.02,
        proportional_gain=1.5,
    ),
    "ELBO": lambda: zoo.ELBO(beta=0.5),
    "InfoVAE_MMD": lambda: zoo.InfoVAE(
        alpha=0.25,
        lambda_=50.0,
        divergence=divergences.MMD(
            bandwidth=[2.0, 6.0], estimator="biased", kernel="inverse_multiquadric"
        ),
    ),
    "InfoVAE_Adversarial": lambda: zoo.InfoVAE(
        alpha=0.25,
        lambda_=2.0,
        divergence=divergences.Adversarial(
            hidden_units=(5,), optimizer=keras.optimizers.SGD(0.1, momentum=0.9)
        ),
    ),
}
OBJECTIVE_VARIANTS = {
    "GECO_algorithm_1": lambda: zoo.GECO(
        [constraints.ReconstructionError(0.1)], update="algorithm-1"
    ),
    "GECO_several": lambda: zoo.GECO(
        [
            constraints.FeatureReconstructionError(0.3, patch_size=4, stride=2, name="patches"),
            constraints.FeatureReconstructionError(0.3, features=_classifier(), name="features"),
            constraints.ClassificationAccuracy(0.7, _classifier(), name="accuracy"),
            constraints.PatchCorrelation(0.6, patch_size=4, stride=2, name="correlation"),
            constraints.Custom(darkening, 0.05, scale=0.1),
        ],
        step_size={"accuracy": 0.05, "patches": 0.03},
        delay=1,
        log_multiplier_bounds=(-8.0, 9.0),
    ),
    "InfoVAE_Stein": lambda: zoo.InfoVAE(
        alpha=0.25,
        lambda_=2.0,
        divergence=divergences.Stein(
            bandwidth=3.0, estimator="biased", kernel="inverse_multiquadric"
        ),
    ),
    "Unregularised": lambda: zoo.Unregularised(),
    "ELBO_scheduled": lambda: zoo.ELBO(beta=zoo.schedules.Linear(0.1, 0.9, steps=5)),
}


def default_objective(model_name):
    """The objective that a model is tried with in full."""
    return "ELBO" if model_name in REFUSED_BY_GECO else "GECO"


ALL_MODELS = MODELS | MODEL_VARIANTS
ALL_OBJECTIVES = OBJECTIVES | OBJECTIVE_VARIANTS
# Those whose every method and signature is tried.
FULL_MODELS = [*MODELS, "ConvDRAW_conditional"]
SMALLEST, *_ = MODELS
# Each model with GECO and each objective with the smallest model pass all of the contract;
# the other pairs take two steps, are saved, loaded, and take another.
FULL_PAIRS = [(model, default_objective(model)) for model in MODELS]
FULL_PAIRS += [(SMALLEST, objective) for objective in OBJECTIVES if objective != "GECO"]
OTHER_PAIRS = [
    (model, objective)
    for model in ALL_MODELS
    for objective in ALL_OBJECTIVES
    if (model, objective) not in FULL_PAIRS
    and (model in MODELS or objective in OBJECTIVES)  # Not variants of both.
    and not (model in REFUSED_BY_GECO and objective.startswith("GECO"))
]


def make_model(name):
    """Builds a model and moves every weight off its initial value, so that none hides at 0."""
    keras.utils.set_random_seed(0)
    model = ALL_MODELS[name]()
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        moved = np.asarray(weight) + 0.2 * rng.standard_normal(weight.shape)
        weight.assign(moved.astype(np.float32))
    return model


def make_compiled(model_name, objective_name=None, optimizer=None, **kwargs):
    """Returns the model compiled with the objective; Adam unless an optimiser is given."""
    model = make_model(model_name)
    objective_name = objective_name or default_objective(model_name)
    optimizer = optimizer or keras.optimizers.Adam(1e-3)
    model.compile(optimizer, objective=ALL_OBJECTIVES[objective_name](), seed=5, **kwargs)
    return model


def context_of(model, images):
    """What the model takes beside images, as keyword arguments: a context made of each image."""
    return {} if model.context_shape is None else {"context": images[:, ::-1, :, :1]}


def batch_of(model, images):
    """Images as a batch for the model: with the contexts and labels that it needs, if any."""
    extras = context_of(model, images)
    named = getattr(model.objective, "constraints", [])
    if any(isinstance(c, constraints.ClassificationAccuracy) for c in named):
        extras["label"] = (images.mean(axis=(1, 2, 3)) > images.mean()).astype(np.int32)
    return {"image": images, **extras} if extras else images


def images_of(model, likelihood, seed=0):
    """The images that a model gives for p(x|z): the means, or draws with the seed."""
    noise = random.RowNoise(random.row_seeds(seed, likelihood.batch_shape[0]))
    return model.images_of(likelihood, noise)


def linear_optimizer():
    """An optimiser that does not magnify rounding, as Adam's division by gradients does."""
    return keras.optimizers.SGD(1e-3, momentum=0.9)


def train(model, images, num_steps, batch_size=4):
    """Trains on batches in the order of the images, round and round; returns the last loss."""
    data = tf.data.Dataset.from_tensor_slices(batch_of(model, images))
    data = data.batch(batch_size, drop_remainder=True)
    history = model.fit(data.repeat(), steps_per_epoch=num_steps, verbose=0)
    return history.history["loss"][-1]


def state_of(model):
    """All that training moves: weights, multipliers and averages, the optimiser's; by path."""
    variables = list(model.weights)
    if model.objective is not None:
        variables += [*model.objective.weights, *model.optimizer.variables]
        # A discriminator, say, has an optimiser of its own.
        for layer in model.objective._flatten_layers():
            variables += getattr(getattr(layer, "optimizer", None), "variables", [])
    # Numbered: a path holds the name of a model or an optimiser, which a copy may not share.
    return {f"{i} {v.path}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}


def assert_close(actual, expected, tolerance=1e-5):
    """Equal to `tolerance` of the largest magnitude, tensor by tensor."""
    actual, expected = tf.nest.flatten(actual), tf.nest.flatten(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert a.shape == e.shape
        assert np.isfinite(e).all()
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(np.abs(e).max(), 1e-30))


def assert_same_state(actual, expected, tolerance=0.0):
    """Two results of `state_of` show the same point of training."""
    assert len(actual) == len(expected)
    for (name, value), other in zip(actual.items(), expected.values(), strict=True):
        assert value.dtype == other.dtype, name
        largest = max(np.abs(np.float64(other)).max(), 1e-6)
        np.testing.assert_allclose(
            np.float64(value), other, rtol=0, atol=tolerance * largest, err_msg=name
        )
