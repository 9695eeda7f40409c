"""Has Keras know the zoo's classes once both are imported, in either order; TensorFlow is quiet.

`keras.saving.load_model` finds a class if the module that registers it was imported. That takes
TensorFlow, which takes seconds and which a client of served models need not have installed, so
`import zoo` alone does not do it. It is done as soon as Keras is there, too, and only an import
hook can tell when that is.
"""

import contextlib
import importlib
import importlib.abc
import json
import os
import pathlib
import sys
import threading

from zoo.quiet import quiet_import

__all__ = ["register_with_keras"]

_ZOO = f"{__package__}."
# TensorFlow imports Keras before it is itself complete.
_WATCHED = ("keras", "tensorflow")
# What of the zoo stands on Keras; `zoo.serving` has parts that do not.
_NEED_KERAS = (
    "base",
    "chains",
    "classifiers",
    "configured",
    "constraints",
    "distributions",
    "divergences",
    "fused_adam",
    "layers",
    "models",
    "objectives",
    "registry",
    "sampling",
    "schedules",
)


def register_with_keras(subpackages):
    """Imports what registers classes with Keras, now or when Keras is first imported.

    Args:
        subpackages: Names of the zoo's subpackages and modules that do.
    """
    sys.meta_path.insert(0, _BackendCheck())
    if "keras" in sys.modules:
        _import_all(subpackages)
    else:
        sys.meta_path.insert(0, _ImportWatcher(subpackages))


def _import_all(subpackages):
    # Neither the import of Keras nor that of the zoo may fail here, for another backend or a
    # package that is missing: whoever uses a class of the zoo is told.
    with contextlib.suppress(ImportError):
        if importlib.import_module("keras").config.backend() == "tensorflow":
            sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _BackendCheck)]
            for name in subpackages:
                importlib.import_module(_ZOO + name)


class _BackendCheck(importlib.abc.MetaPathFinder):
    """Says in a sentence, whatever is imported first, that the zoo needs TensorFlow's backend.

    Only where something needs it: clients of served models do not, and may use another one.
    """

    def find_spec(self, name, path=None, target=None):
        """Finds nothing; raises BackendError for a module that needs the backend."""
        if not name.startswith(_ZOO) or name.split(".")[1] not in _NEED_KERAS:
            return
        backend = _backend()
        if backend != "tensorflow":
            from zoo.errors import BackendError

            raise BackendError(
                "VAE Zoo runs on Keras's TensorFlow backend alone, and Keras is set to "
                f"{backend!r}: set the environment variable KERAS_BACKEND=tensorflow, which "
                "overrides keras.json, before Keras is imported."
            )


def _backend():
    """Returns the name of Keras's backend: that which it has, else what it would read."""
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is not None:
        return config.backend()
    named = os.environ.get("KERAS_BACKEND")
    if not named:
        folder = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
        with contextlib.suppress(OSError, ValueError, AttributeError):
            text = pathlib.Path(folder, "keras.json").read_text(encoding="utf-8")
            named = json.loads(text).get("backend")
    return named or "tensorflow"


class _ImportWatcher(importlib.abc.MetaPathFinder):
    """Registers when the last of the imports that it watches, of all threads, has ended.

    Not as soon as Keras was imported: that may be in the middle of one of the zoo's modules, which
    the others then could not import from.
    """

    def __init__(self, subpackages):
        self._subpackages = subpackages
        self._lock = threading.Lock()
        self._num_running = 0

    def find_spec(self, name, path=None, target=None):
        """Returns what the other finders find, with a loader that tells when it has ended."""
        if name not in _WATCHED and not name.startswith(_ZOO):
            return None
        others = (finder for finder in list(sys.meta_path) if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _WatchedLoader(spec.loader, self)
        return spec

    @contextlib.contextmanager
    def running(self):
        """Counts an import while it runs."""
        with self._lock:
            self._num_running += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_running -= 1
                is_due = self._num_running == 0 and "keras" in sys.modules and self in sys.meta_path
                if is_due:
                    sys.meta_path.remove(self)
        if is_due:
            _import_all(self._subpackages)


class _WatchedLoader(importlib.abc.Loader):
    """A module's own loader, watched while it runs the module."""

    def __init__(self, loader, watcher):
        self._loader = loader
        self._watcher = watcher

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # The module is to have its own loader: tools ask that for its source.
        module.__spec__.loader = module.__loader__ = self._loader
        is_tensorflow = module.__name__ == "tensorflow"
        with self._watcher.running(), quiet_import() if is_tensorflow else contextlib.nullcontext():
            self._loader.exec_module(module)
