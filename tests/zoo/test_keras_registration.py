"""`keras.saving.load_model` knows the zoo's classes, and `import zoo` alone stays light."""

import pathlib
import subprocess
import sys

import pytest

from tests import contract
from tests.tiers import cover
from zoo import keras_registration

LOAD = """
import pkgutil, sys
model = keras.saving.load_model(sys.argv[1])
assert type(model).__name__ == sys.argv[2], model
known = set(keras.saving.get_custom_objects())
for module in pkgutil.walk_packages(zoo.__path__, "zoo."):
    __import__(module.name)
assert set(keras.saving.get_custom_objects()) == known, "a module that registers was left out"
"""


def _run(code, *arguments, folder=None):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved model, and the name of its class."""
    model = contract.make_compiled(contract.SMALLEST)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path, type(model).__name__


ORDERS = ["import keras, zoo", "import zoo, keras"]


@pytest.mark.parametrize("order", cover(ORDERS, ORDERS[:1]))
def test_keras_loads_a_model_in_either_order(saved, order):
    _run(f"{order}\n{LOAD}", *saved)


# === The hook, without waiting for the real Keras ===

KERAS = """
import time
time.sleep(0.2)
class config:
    backend = staticmethod(lambda: {backend!r})
"""


@pytest.fixture
def make_packages(tmp_path):
    """Makes a `zoo` of two modules that need a Keras of no content; returns their folder."""

    def make(backend="tensorflow", high="from zoo.low import VALUE\n"):
        package = tmp_path / "zoo"
        package.mkdir()
        for module in ("keras_registration.py", "quiet.py"):
            source = pathlib.Path(keras_registration.__file__).with_name(module)
            (package / module).write_bytes(source.read_bytes())
        (package / "__init__.py").write_text(
            "from zoo.keras_registration import register_with_keras\n"
            "register_with_keras(['high', 'low'])\n"
        )
        (package / "low.py").write_text("import keras\nVALUE = 1\n")
        (package / "high.py").write_text(high)
        (tmp_path / "keras.py").write_text(KERAS.format(backend=backend))
        (tmp_path / "tensorflow.py").write_text("import keras\nfull = True\n")
        return tmp_path

    return make


ALL = "import sys; assert {'zoo.low', 'zoo.high'} <= set(sys.modules), sorted(sys.modules)"
NONE = "import sys; assert not {'zoo.low', 'zoo.high'} & set(sys.modules)"


@pytest.mark.parametrize(
    "imports",
    [
        "import zoo, keras",
        "import keras, zoo",
        "import zoo, tensorflow",
        "import zoo.low",  # Keras is imported in the middle of it.
        "import zoo.high",
        "import threading, zoo\n"
        "thread = threading.Thread(target=__import__, args=['keras'])\n"
        "thread.start(); thread.join()",
        # Keras is there while another thread is in the middle of one of the zoo's modules.
        "import threading, zoo\n"
        "thread = threading.Thread(target=__import__, args=['keras'])\n"
        "thread.start(); import zoo.low; thread.join()",
        # Keras is on its way.
        "import threading, time\n"
        "thread = threading.Thread(target=__import__, args=['keras'])\n"
        "thread.start(); time.sleep(0.1); import zoo; thread.join()",
    ],
)
def test_all_is_imported_with_keras(make_packages, imports):
    _run(f"{imports}\n{ALL}", folder=make_packages())


def test_nothing_is_imported_without_keras(make_packages):
    _run(f"import zoo\n{NONE}", folder=make_packages())


def test_the_hook_goes_and_modules_have_their_own_loaders(make_packages):
    code = (
        "import inspect, sys; before = list(sys.meta_path)\n"
        "import zoo, keras; assert sys.meta_path == before\n"
        "print(inspect.getsource(zoo.low), type(keras.__loader__).__name__)"
    )
    output = _run(code, folder=make_packages())
    assert output == "import keras\nVALUE = 1\n SourceFileLoader\n"


ORDERS = ["import keras, zoo", "import zoo, keras"]


@pytest.mark.parametrize("order", cover(ORDERS, ORDERS[:1]))
def test_another_backend_has_no_use_for_them(make_packages, order):
    _run(f"{order}\n{NONE}", folder=make_packages(backend="jax"))


ORDERS = ["import keras, zoo", "import zoo, keras"]


@pytest.mark.parametrize("order", cover(ORDERS, ORDERS[:1]))
def test_a_missing_package_is_told_to_who_needs_it(make_packages, order):
    code = f"{order}\ntry: import zoo.high\nexcept ImportError as error: print(error)"
    output = _run(code, folder=make_packages(high="import nothing_of_this_name\n"))
    assert output == "No module named 'nothing_of_this_name'\n"


def test_without_keras_the_error_is_keras_own(make_packages):
    folder = make_packages()
    (folder / "keras.py").write_text("import nothing_of_this_name\n")
    code = "import zoo\ntry: import keras\nexcept ImportError as error: print(error)\n" + NONE
    assert _run(code, folder=folder) == "No module named 'nothing_of_this_name'\n"


# === Another backend ===

NEEDED = ("zoo.models", "zoo.constraints", "zoo.base.inputs", "zoo.schedules")
TOLD = (
    "VAE Zoo runs on Keras's TensorFlow backend alone, and Keras is set to 'jax': set the "
    "environment variable KERAS_BACKEND=tensorflow, which overrides keras.json, before Keras is "
    "imported.\n"
)
ASK = """
for name in {names}:
    try: __import__(name)
    except ImportError as error: assert str(error) + "\\n" == {told!r}, error
    else: raise AssertionError(name)
try: zoo.ConvVAE
except ImportError as error: print(error)
import zoo.serving.client
"""


@pytest.mark.parametrize("way", ["environment", "keras.json", "imported"])
def test_another_backend_is_told_in_a_sentence_whatever_is_imported_first(
    way, monkeypatch, tmp_path
):
    code = "import zoo\n" + ASK.format(names=NEEDED, told=TOLD)
    monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).parents[2]))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if way == "environment":
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    elif way == "keras.json":
        (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    else:  # A Keras of no content, which is there first.
        (tmp_path / "keras.py").write_text(KERAS.format(backend="jax"))
        code = "import keras\n" + code
    assert _run(code, folder=tmp_path) == TOLD
