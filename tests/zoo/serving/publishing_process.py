"""What other processes run in tests: it publishes a version when told to, and may be killed.

    python -m tests.zoo.serving.publishing_process BASE_PATH [SOURCE]

It says `ready`, waits for a line, publishes, and says `done`. With SOURCE, an exported model, it
publishes slow copies of that, and no TensorFlow is imported.
"""

import os
import sys
import time

from zoo.serving import publish
from zoo.serving.unfinished_folder import move_complete, unfinished_folder

_PIECES = 20  # Of a file that is copied.


class SlowCopier:
    """Stands for a model: its export copies another piece by piece, by the steps of a real one.

    Args:
        source: What is copied.
        pause: Seconds after each piece.
    """

    def __init__(self, source, pause=0.005):
        self.source = source
        self.pause = pause

    def export(self, path):
        with unfinished_folder(*os.path.split(path)) as unfinished:
            for folder, _, files in os.walk(self.source):
                target = os.path.join(unfinished, os.path.relpath(folder, self.source))
                os.makedirs(target, exist_ok=True)
                for name in files:
                    self._copy(os.path.join(folder, name), os.path.join(target, name))
            move_complete(unfinished, path)

    def _copy(self, source, target):
        size = os.path.getsize(source) // _PIECES + 1
        with open(source, "rb") as file, open(target, "wb") as copy:
            for _ in range(_PIECES):
                copy.write(file.read(size))
                copy.flush()
                time.sleep(self.pause)


def publish_many(source, base_path, number, start):
    """Publishes copies, at the same time as others: when all have reached the barrier `start`."""
    start.wait()
    for _ in range(number):
        publish(SlowCopier(source, pause=0.0), base_path)


def _make_model():
    from tests import contract

    return contract.make_compiled(contract.SMALLEST)


def main():
    base_path, *source = sys.argv[1:]
    model = SlowCopier(*source) if source else _make_model()
    print("ready", flush=True)
    sys.stdin.readline()
    publish(model, base_path)
    print("done", flush=True)


if __name__ == "__main__":
    main()
