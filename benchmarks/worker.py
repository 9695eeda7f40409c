"""One framework's process: obeys the commands of train_step.py, one line of JSON each.

Each framework has a process of its own, so that their thread pools do not fight; only one of them
computes at a time.
"""

import importlib
import json
import resource
import sys
import time

import numpy as np


class Worker:
    """Holds the training steps of one framework, ready to be timed.

    Args:
        module_name: `conv_draw_zoo` or `conv_draw_torch`.
    """

    clock = time.perf_counter  # Of `run`.

    def __init__(self, module_name):
        self._module = importlib.import_module(module_name)
        self._steps = {}

    def versions(self):
        """Returns the versions of the packages."""
        return self._module.versions()

    def prepare(self, name, settings, variant, batch_size):
        """Makes a training step and runs it twice; returns the seconds that this took."""
        images = np.random.default_rng(0).random((batch_size, 28, 28, 1), np.float32)
        start = time.perf_counter()
        self._steps[name] = self._module.make_step(settings, variant, images)
        self.run(name, 2)
        return time.perf_counter() - start

    def run(self, name, num_steps):
        """Runs training steps; returns the seconds for one."""
        start = self.clock()
        for _ in range(num_steps):
            self._steps[name]()
        return (self.clock() - start) / num_steps

    def forget(self):
        """Lets go of all training steps."""
        self._steps.clear()

    def peak_memory(self):
        """Returns the most memory that the process has had, in MB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def convolution_peak(self, dtype):
        """Returns GFLOP/s."""
        return self._module.convolution_peak(dtype)

    def measure(self, settings, path):
        """Writes weights, or reads them; writes rate, squared error and gradients."""
        rng = np.random.default_rng(1)
        images = rng.random((4, 28, 28, 1), np.float32)
        noise = rng.standard_normal((4, settings["num_steps"], 7, 7, 4), np.float32)
        if self._module.__name__ == "conv_draw_zoo":
            weights, result = self._module.measure(settings, images, noise, 39200.0)
            np.savez(path + ".weights.npz", **weights)
        else:
            weights = dict(np.load(path + ".weights.npz"))
            result = self._module.measure(settings, weights, images, noise, 39200.0)
        np.savez(path + f".{self._module.__name__}.npz", **result)


def main(worker):
    """Has the worker answer commands from standard input until it ends."""
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        print("ANSWER " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Worker(sys.argv[1]))
