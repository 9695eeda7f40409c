"""Codebooks and how a payload is dealt to them: the parts of the format."""

import json

import numpy as np
import pytest
import scipy.stats

from zoo.codec.codebook import rows_of_book
from zoo.codec.layout import Layout, as_bytes, as_rows
from zoo.codec.scores import best_rows, factors_of


def test_a_row_can_be_made_by_itself():
    book = rows_of_book(3, 0, 40, 21)
    assert (book.shape, book.dtype) == ((40, 21), np.float32)
    for row in (0, 7, 39):
        np.testing.assert_array_equal(rows_of_book(3, row, 1, 21)[0], book[row])
    assert (rows_of_book(4, 0, 40, 21) != book).mean() > 0.99


def test_values_are_standard_normal():
    values = rows_of_book(0, 0, 1000, 64).ravel()
    assert scipy.stats.kstest(values, "norm").pvalue > 0.001
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.02


def test_the_first_values_are_those_of_the_format():
    """Files that were written would not be read any more."""
    expected = np.float32(
        [0.6934341788291931, -1.1344834566116333, -0.4836108088493347, 0.6316924095153809]
    )
    np.testing.assert_allclose(rows_of_book(1, 5, 1, 4)[0], expected, rtol=1e-7)


def make_layout():
    rates = [np.linspace(1, 0, 12), np.full(12, 0.3), np.full(12, 0.01)]
    return Layout.of_rates(rates, units=3)


@pytest.mark.parametrize("num_bytes", [1, 2, 5, 8])
def test_every_bit_has_a_block_and_comes_back(num_bytes):
    blocks = make_layout().blocks(num_bytes)
    assert sum(block.bits for block in blocks) == 8 * num_bytes
    assert [block.number for block in blocks] == list(range(len(blocks)))
    rng = np.random.default_rng(0)
    rows = [rng.integers(2**block.bits) for block in blocks]
    payload = as_bytes(rows, blocks, num_bytes)
    assert len(payload) == num_bytes
    np.testing.assert_array_equal(as_rows(payload, blocks), rows)


def test_blocks_of_a_group_share_its_latents_in_units():
    blocks = [block for block in make_layout().blocks(5) if block.group == 0]
    assert len(blocks) > 1
    members = np.concatenate([block.members for block in blocks])
    assert sorted(members) == list(range(12))
    assert all((block.members.reshape(-1, 3)[:, 0] % 3 == 0).all() for block in blocks)


def test_latents_of_one_vector_are_dealt_by_their_rates():
    layout = Layout.of_rates([np.array([0.1, 3.0, 0.2, 2.0])])
    assert layout.orders == ((1, 3, 2, 0),)
    first, second = layout.blocks(3)
    assert (first.members.tolist(), second.members.tolist()) == ([1, 2], [3, 0])


@pytest.mark.parametrize("units", [3, None])
def test_json_holds_a_layout(units):
    layout = Layout.of_rates([np.linspace(0, 1, 6), np.linspace(2, 1, 6)], units)
    assert Layout.from_dict(json.loads(json.dumps(layout.to_dict()))) == layout


def test_the_best_rows_are_those_of_largest_density_ratio():
    rng = np.random.default_rng(1)
    mean, prior_mean = rng.normal(size=(2, 3, 6))
    scale, prior_scale = rng.uniform(0.3, 1.2, (2, 3, 6))
    (block,) = Layout.of_rates([np.ones(6)], units=1).blocks(1)
    rows, gained, book = best_rows(block, factors_of(mean, scale, prior_mean, prior_scale), 5)
    latents = prior_mean[:, None] + prior_scale[:, None] * rows_of_book(0, 0, 256, 6)
    ratio = scipy.stats.norm(mean[:, None], scale[:, None]).logpdf(latents)
    ratio -= scipy.stats.norm(prior_mean[:, None], prior_scale[:, None]).logpdf(latents)
    ratio = ratio.sum(axis=-1)
    np.testing.assert_array_equal(rows, np.argsort(-ratio, axis=1)[:, :5])
    np.testing.assert_allclose(gained, -np.sort(-ratio, axis=1)[:, :5], rtol=1e-4)
    assert len(book) == 256
