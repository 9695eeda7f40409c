"""The two tiers of the tests: `make test` runs what covers, `make test-thorough` everything.

Many tests are alike: one check over every architecture, objective or divergence, over gRPC and
REST, over biased and unbiased estimators. Of each such check some cases always run, which together
meet every mechanism; the others are marked `thorough`. So are long tests, of a whole run, export or
cluster, whose parts shorter ones see.
"""

import pytest

thorough = pytest.mark.thorough


def cover(cases, always):
    """Returns the cases as parameters of a test or a fixture; those not in `always` are thorough.

    Raises:
        ValueError: None of the cases would always run.
    """
    cases, always = list(cases), list(always)
    if not any(case in always for case in cases):
        raise ValueError(f"None of {cases} would always run: of those that should, {always}.")
    return [case if case in always else pytest.param(case, marks=thorough) for case in cases]
