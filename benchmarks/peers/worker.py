"""One framework's process: obeys the commands of __main__.py, one line of JSON each."""

import pickle
import sys
import time

import numpy as np

from benchmarks.peers import settings
from benchmarks.worker import Worker, main

_NUM_COMPARED = 8  # Images; enough for the batch's statistics to be of several rows.


class PeerWorker(Worker):
    """Holds training steps of one framework: `benchmarks.peers.zoo_side` or `.torch_side`."""

    def prepare(self, peer, variant):
        """Makes a training step and runs it once; returns the seconds that this took."""
        sizes = settings.of(peer)
        start = time.perf_counter()
        self._steps[variant] = self._module.make_step(
            peer, sizes, variant.split(), *_batch(sizes["batch_size"])
        )
        self.run(variant, 1)
        return time.perf_counter() - start

    def measure(self, peer, path):
        """Writes our weights, terms and gradients."""
        found = self._module.measure(peer, settings.of_check(peer), *_batch(_NUM_COMPARED))
        with open(path, "wb") as file:
            pickle.dump(found, file)

    def compare(self, peer, path):
        """Reads what `measure` wrote; returns the peer's relative differences from it."""
        with open(path, "rb") as file:
            return self._module.compare(peer, settings.of_check(peer), pickle.load(file))


def _batch(num):
    rng = np.random.default_rng(0)
    return rng.random((num, 28, 28, 1), np.float32), rng.integers(0, 10, num)


if __name__ == "__main__":
    main(PeerWorker(sys.argv[1]))
