"""`import zoo` chooses TensorFlow's kernels, unless someone has."""

import os

import pytest

from zoo import onednn

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


@pytest.mark.parametrize(
    ("machine", "before", "after"),
    [("x86_64", None, "1"), ("AMD64", None, "1"), ("x86_64", "0", "0"), ("aarch64", None, None)],
)
def test_it_is_asked_for_where_it_was_measured_and_nobody_has_decided(
    monkeypatch, machine, before, after
):
    monkeypatch.setattr(onednn.platform, "machine", lambda: machine)
    monkeypatch.delenv(VARIABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    onednn.use_onednn()
    assert os.environ.get(VARIABLE) == after
