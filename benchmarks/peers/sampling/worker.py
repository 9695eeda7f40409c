"""One framework's process: obeys the commands of __main__.py, one line of JSON each."""

import pickle
import sys
import time

import numpy as np

from benchmarks.worker import Worker, main


class SamplingWorker(Worker):
    """Draws images by one framework: `benchmarks.peers.sampling.zoo_side` or `.torch_side`."""

    clock = time.process_time  # Waiting for other work is no part of a call.

    def make_given(self, num, path):
        """Writes what both sides are given."""
        with open(path, "wb") as file:
            pickle.dump(self._module.make_given(num), file)

    def prepare(self, variant, num, given, path):
        """Makes the call that draws, and writes its images; returns the seconds that this took."""
        with open(given, "rb") as file:
            given = pickle.load(file)
        start = time.perf_counter()
        self._steps[variant] = self._module.make_call(variant, given, num)
        np.save(path, self._steps[variant]())
        return time.perf_counter() - start


if __name__ == "__main__":
    main(SamplingWorker(sys.argv[1]))
