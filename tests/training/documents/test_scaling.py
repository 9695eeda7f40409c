"""What docs/SCALING.md computes for more workers, against a ring whose times are known."""

import pytest

from benchmarks import scaling

LATENCY, A_BYTE = 2e-4, 1e-9


def all_reduce(num, num_bytes):
    return 2 * (num - 1) * LATENCY + 2 * (num - 1) / num * num_bytes * A_BYTE


def test_a_ring_is_found_from_all_reduces_of_two():
    reduces = {size: all_reduce(2, 4 * size) for size in scaling.SIZES}
    assert scaling.ring(reduces) == pytest.approx((LATENCY, A_BYTE))


@pytest.mark.parametrize("overhead", [0.0, 0.01])
def test_a_step_is_one_workers_and_the_ring_and_what_two_needed_beyond(overhead):
    alone, num_bytes = 0.1, 4_000_000
    seconds = [alone, alone + all_reduce(2, num_bytes) + overhead]
    reduces = {size: all_reduce(2, 4 * size) for size in scaling.SIZES}
    found = scaling.project(64, num_bytes, seconds, reduces)
    for num, images_per_second in found.items():
        expected = num * 64 / (alone + all_reduce(num, num_bytes) + overhead)
        assert images_per_second == pytest.approx(expected)
