"""Keeps what libraries say of themselves away from the user.

TensorFlow's native code writes a dozen lines to standard error before any setting of its own could
keep it from that. So they are held back where they are written.
"""

import contextlib
import logging
import os
import re
import sys
import tempfile

__all__ = ["quiet_import", "quiet_logger"]

_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
_FATAL_ONLY = "3"
_STDERR = 2  # Of native code, whatever `sys.stderr` has become.
_NOTICE = re.compile(
    rb"[IWE]\d{4} |[\d-]+ [\d:.]+: [IWE] |WARNING: All log messages before absl|"
    rb"To enable the following instructions: "
)


@contextlib.contextmanager
def quiet_import():
    """Imports TensorFlow in the block without its notices, and has it log nothing but fatal errors.

    Where the environment variable TF_CPP_MIN_LOG_LEVEL is set, someone has chosen what to see, and
    nothing is done. Otherwise it is set in the block, when TensorFlow reads it, and not after it: a
    program that this process starts, such as a server, is to have its own log.
    """
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = _FATAL_ONLY
    try:
        with _hold_back_notices():
            yield
    finally:
        os.environ.pop(_VARIABLE, None)


@contextlib.contextmanager
def _hold_back_notices():
    """Holds back standard error in the block; then shows all but notices, after an error all."""
    try:
        original = os.dup(_STDERR)
    except OSError:  # It is closed.
        yield
        return
    is_wanted = _is_no_notice
    with tempfile.TemporaryFile() as held_back:
        _flush()
        os.dup2(held_back.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            is_wanted = None
            raise
        finally:
            _flush()
            os.dup2(original, _STDERR)
            held_back.seek(0)
            os.write(original, b"".join(filter(is_wanted, held_back)))
            os.close(original)


def _is_no_notice(line):
    return not _NOTICE.match(line)


def _flush():
    with contextlib.suppress(AttributeError, OSError, ValueError):  # It may be gone or closed.
        sys.stderr.flush()


@contextlib.contextmanager
def quiet_logger(logger, level=logging.ERROR):
    """Has a library's `logging.Logger` pass on nothing below a level in the block."""
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
