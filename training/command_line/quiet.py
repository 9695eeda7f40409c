"""Keeps the notices that TensorFlow prints while it starts away from the command line's user."""

import contextlib
import os
import sys
import tempfile

__all__ = ["start_tensorflow"]


def start_tensorflow():
    """Imports TensorFlow and finds its devices, without its notices; an error shows them all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Must be set before the import.
    with _hold_back_stderr():
        import absl.logging
        import tensorflow as tf

        tf.config.list_physical_devices()
        absl.logging.set_verbosity(absl.logging.ERROR)


@contextlib.contextmanager
def _hold_back_stderr():
    """Holds back what native code writes to standard error, and shows it if the block fails.

    TensorFlow logs while it is loaded, before its log level can be set in any other way.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # Replaced by something that is no file.
        yield
        return
    sys.stderr.flush()
    original = os.dup(descriptor)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), descriptor)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            held_back.seek(0)
            os.write(original, held_back.read())
            raise
        finally:
            os.dup2(original, descriptor)
            os.close(original)
