"""What always runs leaves no architecture and no objective out."""

import pytest

from tests import contract
from tests.tiers import cover


def always(cases):
    return [case for case in cases if not hasattr(case, "marks")]


def test_cases_that_do_not_always_run_are_thorough():
    first, second = cover([(1, 2), (3, 4)], [(3, 4), (5, 6)])
    assert (first.values, first.marks[0].name) == (((1, 2),), "thorough")
    assert second == (3, 4)
    with pytest.raises(ValueError, match=r"None of \[1\] would always run.*\[2\]"):
        cover([1], [2])


def test_every_architecture_and_objective_is_always_trained_saved_and_loaded():
    pairs = [*contract.full_pairs(), *always(contract.other_pairs())]
    models, objectives = map(set, zip(*pairs, strict=True))
    assert models >= set(contract.FIRST_MODELS)
    assert objectives >= set(contract.OBJECTIVES)
