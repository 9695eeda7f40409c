"""Every public name has an example in its docstring, and the examples run."""

import ast
import builtins
import contextlib
import doctest
import inspect
import io
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.documented import InstanceOf, check_call, resolve
from tests.zoo.serving.double import Double
from zoo.base import compiled
from zoo.base.image_model import ImageModel

MODULES = [zoo, *(m for _, m in inspect.getmembers(zoo, inspect.ismodule) if hasattr(m, "__all__"))]
ADDRESS, SERVED = "localhost:8500", ("classifier_mnist", "conv_draw_mnist", "short_run_mnist")
LONG = ("Diffusion", "Energy", "energy")

# Classes of which a user calls methods, and those that are called; others are for who extends them.
CALLED = (ImageModel, zoo.GECO, zoo.codec.Codec, zoo.codec.LosslessCodec, zoo.serving.Client)
METHODS = (
    *("calibrate", "chart_probabilities", "classify", "close", "compile", "count_regions"),
    *("decode", "decode_chain", "encode", "estimate_log_z", "evaluate", "export", "features"),
    *("fit", "fit_em", "fit_prior", "generate", "images_of", "infeasible", "infer", "interpolate"),
    *("log_density", "log_posterior", "log_prior", "log_prob", "log_prob_rows", "multiplier_at"),
    *("posterior", "posterior_moments", "predict", "predict_on_batch", "pretrain", "prune"),
    *("reconstruct", "reconstruct_encoded", "redraw", "sample", "sample_encoded", "sample_prior"),
    *("sample_rows", "signatures", "stable_step_size", "test_on_batch", "train_on_batch"),
    "wait_until_available",
)
OF_PIXEL_VAE = ("LosslessCodec", "sample_pixels", "sample_pixels_naively")


class Documented(typing.NamedTuple):
    """A docstring, and the class of what its example calls `model`."""

    docstring: str
    model: type

    @property
    def examples(self):
        return doctest.DocTestParser().get_examples(self.docstring)

    @property
    def statements(self):
        return ast.parse("".join(part.source for part in self.examples)).body


def public_names():
    """Yields each public function and class, errors excepted, by its name."""
    seen = set()
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            is_error = inspect.isclass(thing) and issubclass(thing, Exception)
            if not inspect.ismodule(thing) and not is_error and id(thing) not in seen:
                seen.add(id(thing))
                yield f"{module.__name__}.{name}", thing


def documented():
    """Returns all that is to have an example, a dict by name; an inherited method counts once."""
    found = {}
    for name, thing in public_names():
        found[name] = Documented(inspect.getdoc(thing), _model_of(name))
        if not inspect.isclass(thing) or not issubclass(thing, CALLED):
            continue
        for base in thing.__mro__:
            for method in METHODS:
                docstring = getattr(vars(base).get(method), "__doc__", None)
                if base.__module__.startswith("zoo") and docstring:
                    model = zoo.ConvVAE if issubclass(zoo.ConvVAE, base) else thing
                    model = model if issubclass(model, ImageModel) else _model_of(base.__name__)
                    own = Documented(inspect.cleandoc(docstring), model)
                    found.setdefault(f"{base.__qualname__}.{method}", own)
    return {name: own for name, own in found.items() if not own.docstring.startswith("Raises")}


def _model_of(name):
    return zoo.PixelVAE if name.endswith(OF_PIXEL_VAE) else zoo.ConvVAE


DOCUMENTED = documented()


def test_every_public_name_has_an_example():
    assert not [name for name, own in DOCUMENTED.items() if not own.examples]


# === What examples name ===


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_is_named_exists_and_takes_what_it_is_given(name):
    _check(DOCUMENTED[name])


@pytest.mark.parametrize(
    "wrong", ["model.smaple(1)", "model.sample()", "codec = zoo.codec.Codec(zoo)", "len(imgaes)"]
)
def test_what_does_not_exist_is_found(wrong):
    with pytest.raises(AssertionError):
        _check(Documented(f">>> {wrong}", zoo.ConvVAE))


def _check(own):
    codec = zoo.codec.LosslessCodec if own.model is zoo.PixelVAE else zoo.codec.Codec
    classes = {"model": own.model, "codec": codec, "client": zoo.serving.Client}
    names = {"zoo": zoo, "keras": keras, "tf": tf, "np": np}
    names |= {name: InstanceOf(cls) for name, cls in classes.items()}
    for statement in own.statements:
        # What is assigned is known after the value was read.
        for node in sorted(ast.walk(statement), key=lambda node: isinstance(node, ast.Assign)):
            for target, value in _bindings(node):
                cls = resolve(value.func, names) if isinstance(value, ast.Call) else None
                names[target] = InstanceOf(cls) if inspect.isclass(cls) else None
            resolve(node, names)
            if isinstance(node, ast.Call):
                check_call(node, names)
    assert not _free_names(own.statements) - {*STAND_INS, *vars(builtins)}


def _bindings(node):
    """Yields names and the expressions that they are bound to."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        yield node.targets[0].id, node.value
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars.id, node.context_expr


def _free_names(statements):
    """Returns the names that are read before they are bound, if they ever are."""
    free, known = set(), set()
    for statement in statements:
        nodes = list(ast.walk(statement))
        read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        bound |= {n.name for n in nodes if isinstance(n, ast.ClassDef | ast.FunctionDef)}
        bound |= {n.asname or n.name for n in nodes if isinstance(n, ast.alias)}
        later = {target for target, _ in _bindings(statement)}
        free |= read - known - (bound - later)
        is_definition = isinstance(statement, ast.ClassDef | ast.FunctionDef)
        known |= {statement.name} if is_definition else bound
    return free


# === Examples run ===


@pytest.fixture(scope="module")
def digits():
    """Pictures of digits that need no data set, uint8 `[500, 28, 28, 1]`."""
    samples = np.clip(zoo.load("conv_vae_mnist").sample(500, seed=0), 0.0, 1.0)
    return np.round(255.0 * samples).astype(np.uint8)


@pytest.fixture(scope="module")
def server():
    with Double({name: str(zoo.saved_model_path(name)) for name in SERVED}) as double:
        yield double


@pytest.fixture
def client(server):
    with zoo.serving.Client(server.grpc_address, "conv_draw_mnist") as client:
        yield client


# What examples name without making it: a function of pytest's `request` and the model's class.
STAND_INS = {
    "zoo": lambda request, cls: zoo,
    "keras": lambda request, cls: keras,
    "tf": lambda request, cls: tf,
    "np": lambda request, cls: np,
    "images": lambda request, cls: request.getfixturevalue("digits")[:24],
    "test_images": lambda request, cls: request.getfixturevalue("digits")[24:48],
    "validation_images": lambda request, cls: request.getfixturevalue("digits"),
    "labels": lambda request, cls: np.arange(24) % 10,
    "samples": lambda request, cls: tf.random.normal([20, 4]),
    "other_samples": lambda request, cls: tf.random.normal([30, 4]),
    "model": lambda request, cls: _trained(cls, request.getfixturevalue("digits")[:24]),
    "classifier": lambda request, cls: zoo.load("classifier_mnist"),
    "client": lambda request, cls: request.getfixturevalue("client"),
    "codec": lambda request, cls: _codec(cls),
}


def _make(cls):
    return next(iter(cls.examples((28, 28, 1)).values()))()


def _trained(cls, images):
    """Returns a tiny model of a class after a step of training."""
    model = zoo.InfusionModel((28, 28, 1), filters=(4,)) if cls is zoo.InfusionModel else _make(cls)
    constraint = zoo.constraints.ReconstructionError(tolerance=0.1)
    objectives = {zoo.InfusionModel: {}, zoo.ConvVAE: {"objective": zoo.GECO(constraint)}}
    model.compile(**objectives.get(cls, {"objective": zoo.ELBO()}))
    model.fit(images, verbose=0)
    return model


def _codec(cls):
    if cls is zoo.PixelVAE:
        return zoo.codec.LosslessCodec(_make(cls))
    return zoo.codec.Codec(zoo.load("conv_vae_mnist"), tolerance=0.15)


def _runs_long(own):
    """Whether an example runs long chains, which graphs are sooner done with."""
    return any(word in own.docstring.split("Example:")[-1] for word in LONG)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTED)
def test_it_runs(name, request, tmp_path, monkeypatch):
    """On few images; what it shows is what comes."""
    own, shown = DOCUMENTED[name], io.StringIO()
    monkeypatch.chdir(tmp_path)
    known = _free_names(own.statements) & {*STAND_INS}
    with contextlib.ExitStack() as stack:
        if not _runs_long(own):
            eagerly = property(lambda self: True, lambda *_: None)
            monkeypatch.setattr(ImageModel, "run_eagerly", eagerly)
            stack.enter_context(compiled.uncompiled())
        names = {stand_in: STAND_INS[stand_in](request, own.model) for stand_in in known}
        stack.enter_context(contextlib.redirect_stdout(shown))
        for part in own.examples:
            shown.seek(0)
            shown.truncate()
            source = part.source
            if ADDRESS in source:
                source = source.replace(ADDRESS, request.getfixturevalue("server").grpc_address)
            exec(compile(source, name, "single"), names)
            assert shown.getvalue() == part.want or not part.want, source
