"""How a process of a benchmark tells what it found: a line of JSON, among what libraries print."""

import json

__all__ = ["give", "read"]

_PREFIX = "ANSWER "


def give(answer):
    """Prints an answer, anything that JSON can hold."""
    print(_PREFIX + json.dumps(answer), flush=True)


def read(output):
    """Returns the answer in the output of a process; raises RuntimeError if it ended without."""
    for line in output.splitlines():
        if line.startswith(_PREFIX):
            return json.loads(line.removeprefix(_PREFIX))
    raise RuntimeError("A process of the benchmark ended without an answer; run it by itself.")
