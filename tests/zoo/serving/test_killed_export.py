"""A process killed while it publishes leaves the old version, or a complete new one beside it."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import zoo
from tests import contract
from tests.zoo.serving.publishing_process import SlowCopier
from zoo.serving import manifest, publish
from zoo.serving.check import open_session

_SPREAD = 1.5  # Of the moments, over the time that an export takes.


def _start(base, *source):
    """Starts a process that will publish; gives it when it is ready."""
    command = [sys.executable, "-m", "tests.zoo.serving.publishing_process", str(base)]
    process = subprocess.Popen(
        [*command, *map(str, source)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def _go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def _wall_seconds(process):
    del process
    return time.monotonic()


def _processor_seconds(process):
    """Where a process computes all the time, how far it is, however busy the machine."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _time_to_publish(base, source, clock):
    with _start(base, *source) as process:
        start = clock(process)
        _go(process)
        assert process.stdout.readline() == "done\n"
        return clock(process) - start


def _kill_after(moment, base, source, clock):
    with _start(base, *source) as process:
        start = clock(process)
        _go(process)
        while process.poll() is None and clock(process) < start + moment:
            time.sleep(0.002)
        process.kill()


def _moments(number, duration):
    """Random moments spread over a duration and half as long again, so that some come too late.

    Busy processors take more seconds of their own time for the same work, too.
    """
    rng = random.Random(0)
    return [_SPREAD * duration * (index + rng.random()) / number for index in range(number)]


def _kill_many(number, base, source, clock, check, old):
    """Kills `number` times and checks after each; gives what was seen."""
    duration = _time_to_publish(base, source, clock)
    shutil.rmtree(base / "2")
    seen = {"old version alone": 0, "complete new version": 0, "leftovers": 0}
    for moment in _moments(number, duration):
        _kill_after(moment, base, source, clock)
        names = set(os.listdir(base))
        versions = {name for name in names if not name.startswith(".")}
        assert versions in ({"1"}, {"1", "2"}), f"killed after {moment:.2f} s of {duration:.2f}"
        for version in versions:
            check(base / version)
        seen["complete new version" if "2" in versions else "old version alone"] += 1
        seen["leftovers"] += names != versions
        # The next to publish clears up.
        newest = publish(SlowCopier(old), base)
        assert set(os.listdir(base)) == versions | {newest.name}
        for version in set(os.listdir(base)) - {"1"}:
            shutil.rmtree(base / version)
    print(f"{number} kills spread over {_SPREAD * duration:.1f} s: {seen}")
    return seen


def test_killed_while_files_are_copied(tmp_path):
    """Kills of the same steps without TensorFlow, which take a fraction of a second each."""
    old = tmp_path / "old"
    (old / "variables").mkdir(parents=True)
    (old / "saved_model.pb").write_bytes(bytes(5000))
    (old / "variables" / "variables.index").write_bytes(bytes(3000))
    manifest.write(old)
    base = tmp_path / "base"
    publish(SlowCopier(old), base)
    seen = _kill_many(3, base, [old], _wall_seconds, manifest.verify, old)
    assert seen["leftovers"] > 0  # else no kill was in time


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux's /proc")
def test_killed_while_a_model_is_exported(tmp_path, images):
    old = tmp_path / "old" / "1"
    model = contract.make_compiled(contract.SMALLEST)
    model.export(old)
    base = tmp_path / "base"
    publish(SlowCopier(old), base)
    expected = model.reconstruct(images)

    def check(path):
        contract.assert_close(zoo.load(path).reconstruct(images), expected)
        with open_session(str(path)) as answer:
            reconstruction = answer("serving_default", {"image": images})["reconstruction"]
        assert np.isfinite(reconstruction).all()
        contract.assert_close(reconstruction, expected)

    seen = _kill_many(20, base, [], _processor_seconds, check, old)
    assert seen["leftovers"] > 5
    assert seen["complete new version"] > 0
