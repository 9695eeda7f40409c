"""Says what goes on: a line a stage, and a sign of life at least every ten seconds."""

import contextlib
import sys
import threading
import time

__all__ = ["LiveLine", "duration", "stage"]

_WIDTH = 79  # Of a line that is written over itself; a terminal may break one of 80.
_SECONDS = {True: 1.0, False: 10.0}  # Between signs of life; on a terminal lines are renewed.


class LiveLine:
    """A line that says what is so now, until the `with` block ends.

    On a terminal it is renewed in place every second. Elsewhere, in a log, it is written anew
    whenever nothing else was for ten seconds.

    Args:
        text: A function without arguments that returns the line, of at most 79 columns.
        seconds: Between two signs of life, if not these.
    """

    def __init__(self, text, seconds=None):
        self._text = text
        self._stream = sys.stdout
        self._is_terminal = self._stream.isatty()
        self._seconds = seconds or _SECONDS[self._is_terminal]
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._written = time.monotonic()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def write(self, text):
        """Writes a line that stays."""
        with self._lock:
            self._put(f"{text.ljust(_WIDTH) if self._is_terminal else text.rstrip()}\n")

    def _renew(self):
        with contextlib.suppress(OSError, ValueError):  # The reader has left, or closed it.
            while not self._ended.wait(max(0.0, self._due() - time.monotonic())):
                with self._lock:
                    if self._is_terminal:
                        self._put(self._text().ljust(_WIDTH))
                    elif time.monotonic() >= self._due():
                        self._put(f"{self._text().rstrip()}\n")

    def _due(self):
        return self._written + self._seconds

    def _put(self, text):
        start = "\r" if self._is_terminal else ""
        print(f"{start}{text}", end="", flush=True, file=self._stream)
        self._written = time.monotonic()


@contextlib.contextmanager
def stage(name, seconds=None):
    """Says what the block does, and how long it has been at it; `seconds` as in `LiveLine`."""
    started = time.monotonic()

    def text():
        taken = time.monotonic() - started
        return f"{name} ..." if taken < 1 else f"{name} ... {taken:.0f} s"

    with LiveLine(text, seconds) as line:
        if not sys.stdout.isatty():
            line.write(text())
        try:
            yield
        finally:
            if sys.stdout.isatty():
                line.write(text())


def duration(seconds):
    """Says a time as people do: 45 s, 7 min, 3.2 h, 2.1 d."""
    if seconds < 59.5:
        return f"{round(seconds)} s"
    minutes = seconds / 60
    if minutes < 59.5:
        return f"{round(minutes)} min"
    hours = minutes / 60
    return f"{hours:.1f} h" if hours < 23.95 else f"{hours / 24:.1f} d"
