"""What a run says while it goes on: in place, or at least every few seconds."""

import io
import itertools
import re
import time
import types

import keras
import pytest

from training.runs import progress_table, stages
from training.runs.progress_table import ProgressTable, shown_measures
from training.runs.stages import LiveLine, duration, stage

SECONDS = 0.05  # Between signs of life.


class Output(io.StringIO):
    """Standard output that is a terminal, or is none; keeps when each text was written."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal
        self.times = []

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        if text:
            self.times.append(time.monotonic())
        return super().write(text)


@pytest.fixture
def output(monkeypatch, request):
    output = Output(request.param)
    monkeypatch.setattr(stages, "sys", types.SimpleNamespace(stdout=output))
    return output


def wait_for(output, text, count):
    """Waits until a text was written so often; a busy machine may take long."""
    deadline = time.monotonic() + 60
    while output.getvalue().count(text) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert output.getvalue().count(text) >= count


LOG = pytest.mark.parametrize("output", [False], indirect=True)
TERMINAL = pytest.mark.parametrize("output", [True], indirect=True)


@LOG
def test_a_long_stage_gives_a_sign_of_life_again_and_again(output):
    with stage("Exporting", SECONDS):
        wait_for(output, "Exporting ...", 3)
    assert all(line.startswith("Exporting ...") for line in output.getvalue().splitlines())
    written = len(output.getvalue())
    time.sleep(0.1)
    assert len(output.getvalue()) == written, "none after the end"


@TERMINAL
def test_on_a_terminal_a_stage_is_one_line(output):
    with stage("Exporting", SECONDS):
        wait_for(output, "\r", 3)
    text = output.getvalue()
    assert text.count("\n") == 1
    assert max(map(len, text.replace("\n", "").split("\r"))) < 80


@LOG
def test_what_is_written_is_a_sign_of_life_itself(output):
    with LiveLine(lambda: "live", SECONDS) as line:
        for _ in range(10):
            time.sleep(0.02)
            line.write("own")
        wait_for(output, "live", 2)
    lines = list(zip(output.getvalue().splitlines(), output.times, strict=True))
    for (_, before), (text, at) in itertools.pairwise(lines):
        assert text == "own" or at - before >= SECONDS - 0.002, "silence comes before a sign"


@LOG
def test_a_stage_that_fails_ends(output):
    with pytest.raises(OSError, match="no room"), stage("Exporting", SECONDS):
        raise OSError("no room")
    written = output.getvalue()
    time.sleep(0.1)
    assert output.getvalue() == written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3569, "59 min"),
        (3571, "1.0 h"),
        (3 * 3600 + 12 * 60, "3.2 h"),
        (53 * 3600, "2.2 d"),
    ],
)
def test_a_duration_has_one_unit(seconds, text):
    assert duration(seconds) == text


# === The table of a run ===

LOGS = {"loss": 3.0, "rate": 17.48253, "rmse": 0.0960123, "reconstruction_error_violation": 0.1}
VALIDATION = {"val_rate": 17.2369, "val_rmse": 0.0984}


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress_table.time, "perf_counter", lambda: clock.now)
    return clock


def run_table(clock, steps=300, first=0, stop=200, seconds=0.5, compiling=60.0):
    """Runs a table over epochs of 100 steps that take `seconds` each and validation 10."""
    table = ProgressTable(steps)
    table.set_model(types.SimpleNamespace(optimizer=types.SimpleNamespace(iterations=_of(first))))
    table.on_train_begin()
    for epoch, start in enumerate(range(first, stop, 100)):
        table.on_epoch_begin(epoch)
        for batch in range(100):
            clock.now += compiling if start == first and batch == 0 else seconds
            table.on_train_batch_end(batch, LOGS)
        clock.now += 10.0
        table.on_epoch_end(epoch, LOGS | VALIDATION)
    table.close()


def _of(number):
    return keras.ops.convert_to_tensor(number)


@LOG
def test_a_row_an_epoch_with_the_time_left_of_the_whole_run(output, clock):
    run_table(clock)
    compiling, head, first, second = output.getvalue().splitlines()
    assert compiling == "Compiling the training step ..."
    assert re.split("  +", head.strip())[:5] == ["step", "rate", "rmse", "val rate", "val rmse"]
    assert re.split("  +", head.strip())[5:] == ["ms/step", "time left"]
    # 99 steps of half a second and a validation of 10; so are 200 more about 2 minutes.
    values = ["17.48", "0.09601", "17.24", "0.0984", "500"]
    assert re.split("  +", first) == ["100/300", *values, "2 min"]
    assert re.split("  +", second) == ["200/300", *values, "1 min"]
    assert len({len(line) for line in (head, first, second)}) == 1


@LOG
def test_a_resumed_run_counts_on_and_fits_80_columns(output, clock, monkeypatch):
    monkeypatch.setitem(LOGS, "distortion", -1234.567)
    monkeypatch.delitem(LOGS, "rmse")
    run_table(clock, steps=200_000, first=199_800, stop=200_000, seconds=100.0)
    lines = output.getvalue().splitlines()
    assert lines[2].startswith("199900/200000")
    assert lines[3].split()[-2:] == ["0", "s"]
    assert max(map(len, lines)) <= 80


@LOG
def test_rows_come_while_an_epoch_lasts(output, clock):
    table = ProgressTable(300, SECONDS)
    table.set_model(types.SimpleNamespace(optimizer=types.SimpleNamespace(iterations=_of(0))))
    table.on_train_begin()
    wait_for(output, "Compiling the training step ...", 2)
    table.on_epoch_begin(0)
    table.on_train_batch_end(0, LOGS)
    wait_for(output, "1/300", 2)
    table.close()


@LOG
def test_what_lasts_beside_steps_is_told(output, clock):
    table = ProgressTable(300, SECONDS)
    table.set_model(types.SimpleNamespace(optimizer=types.SimpleNamespace(iterations=_of(0))))
    table.on_train_begin()
    table.on_epoch_begin(0)
    table.on_train_batch_end(0, LOGS)
    table.on_test_begin()
    wait_for(output, "validating", 2)
    table.on_epoch_end(0, LOGS | VALIDATION)
    wait_for(output, "saving", 2)
    table.on_train_batch_end(1, LOGS)
    wait_for(output, "2/300", 2)
    table.close()
    lines = output.getvalue().splitlines()
    assert len({len(line) for line in lines if "rate" in line or "validating" in line}) == 1
    assert "saving" not in lines[-1]


def test_the_distortion_stands_for_an_rmse_that_there_is_not():
    logs = {"loss": 3.0, "rate": 1.0, "distortion": 2.0}
    assert shown_measures(logs) == ["rate", "distortion", "val_rate", "val_distortion"]
    assert shown_measures(logs | {"rmse": 0.1}) == ["rate", "rmse", "val_rate", "val_rmse"]
    assert shown_measures({"loss": 1.0, "accuracy": 0.5}) == ["accuracy", "val_accuracy"]
