"""A server is waited for as long as anything moves: its log, or the state of a model."""

import itertools

import pytest

from training.serve import loading
from zoo.errors import UserError


@pytest.fixture
def wait(tmp_path, monkeypatch):
    """Waits for version 1, of which `states` tells; hours pass between two looks, not seconds."""
    log, hours = tmp_path / "log", itertools.count()
    monkeypatch.setattr(loading.time, "monotonic", lambda: 3600.0 * next(hours))
    monkeypatch.setattr(loading.time, "sleep", lambda seconds: None)

    def run(states, write=False):
        def ask(name, port):
            if write:
                with open(log, "a", encoding="utf-8") as file:
                    file.write("a line\n")
            return {1: (next(states), "")}

        monkeypatch.setattr(loading, "states_of", ask)
        loading.wait_until_loaded({"faces": [1]}, 8501, log, lambda: None)

    return run


@pytest.mark.parametrize("write", [False, True])
def test_it_is_waited_for_while_anything_moves(wait, capsys, write):
    states = ["LOADING"] * 5 if write else ["START", "LOADING", "START", "LOADING"]
    wait(iter([*states, "AVAILABLE"]), write)
    assert "still to be loaded: faces version 1 (LOADING)" in capsys.readouterr().out


def test_it_is_given_up_when_nothing_moves(wait):
    message = r"For 600 s nothing moved, and not loaded are faces version 1 \(LOADING\)\. The last"
    with pytest.raises(UserError, match=message):
        wait(itertools.repeat("LOADING"))
