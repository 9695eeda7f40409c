"""A row's answer is the same however a server groups rows into batches and pads them.

Every signature of every architecture is tried with a few groupings in
`tests/zoo/serving/test_contract_export.py`; here are those of encoded images, and many groupings.
"""

import numpy as np
import pytest

from tests import contract
from tests.zoo.serving import row_groupings
from zoo.serving.check import open_session
from zoo.serving.signatures import make_signatures


def _compare_all(model, answer, num_rows, num_groupings):
    signatures = make_signatures(model)
    requests = row_groupings.requests_of(model, signatures, num_rows)
    return {
        name: row_groupings.compare(
            lambda given, name=name: answer(name, given),
            inputs,
            num_groupings,
            draws_pixels=not model.has_mean,
        )
        for name, inputs in requests.items()
    }


def _check(results):
    for name, result in results.items():
        assert result.largest_difference <= 1e-5, name
        assert result.png_values_changed <= 1e-3 * result.png_values, name
        assert result.drawn_rows_changed <= 0.05 * result.drawn_rows, name


@pytest.mark.thorough
def test_encoded_images(colour_export):
    results = _compare_all(colour_export.model, colour_export.answer, num_rows=9, num_groupings=5)
    assert {"reconstruct_encoded", "sample_encoded"} < set(results)
    assert results["reconstruct_encoded"].png_values == 5 * 9 * 4 * 8 * 3
    _check(results)


def test_a_dependence_on_other_rows_is_found():
    """Were it not, the tests here could not fail."""
    values = np.arange(8, dtype=np.float32)

    def answer(given):
        error = np.array([b""] * len(given["x"]), object)
        return {"y": given["x"] + 1e-3 * given["x"].mean(), "error": error}

    result = row_groupings.compare(answer, {"x": values}, num_groupings=2)
    assert result.largest_difference > 1e-4


def test_batches_have_every_row_once_and_sizes_of_powers_of_two():
    batches = list(row_groupings.random_batches(np.random.default_rng(0), 13))
    assert sorted(np.concatenate([rows[:count] for rows, count in batches])) == list(range(13))
    for rows, count in batches:
        assert len(rows) in (1, 2, 4, 8, 16)
        assert len(rows) < 2 * count
        assert set(rows[count:]) <= {rows[0]}


@pytest.mark.slow
@pytest.mark.parametrize("name", contract.FULL_MODELS)
def test_many_groupings_of_every_signature(name, tmp_path, monkeypatch):
    # Three channels, so that there are the signatures of encoded images.
    monkeypatch.setattr(contract, "IMAGE_SHAPE", (4, 8, 3))
    model = contract.make_compiled(name)
    model.export(tmp_path / "1", log_prob_samples=3)
    with open_session(str(tmp_path / "1")) as answer:
        results = _compare_all(model, answer, num_rows=16, num_groupings=200)
    assert len(results) == 7
    _check(results)
