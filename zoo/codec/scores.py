"""How well rows of a codebook stand for draws of a posterior."""

import typing

import numpy as np

from zoo.codec.codebook import rows_of_book

__all__ = ["best_rows", "factors_of", "rates_of"]


class Factors(typing.NamedTuple):
    """Factors of log q/p, float32 `[N, latents]` each: of 1, of e and of e²."""

    constant: np.ndarray
    linear: np.ndarray
    square: np.ndarray


def factors_of(posterior_mean, posterior_scale, prior_mean, prior_scale):
    """Returns what log q(z)/p(z) is made of, for z = prior_mean + prior_scale e.

    With r the ratio of the scales and d the means' distance in the prior's scale,

        log q/p = Σ_i (½ - 1/(2 r_i²)) e_i² + (d_i / r_i²) e_i - d_i²/(2 r_i²) - log r_i

    so that all rows of a codebook are scored by two products of matrices.
    """
    ratio = posterior_scale / prior_scale
    distance = (posterior_mean - prior_mean) / prior_scale
    precision = 1.0 / np.square(ratio)
    constant = -0.5 * precision * np.square(distance) - np.log(ratio)
    factors = constant, distance * precision, 0.5 - 0.5 * precision
    return Factors(*(factor.astype(np.float32) for factor in factors))


def rates_of(posterior_mean, posterior_scale, prior_mean, prior_scale):
    """Returns the mean over images of KL(q ‖ p) of each latent in nats, `[latents]`."""
    ratio = posterior_scale / prior_scale
    distance = (posterior_mean - prior_mean) / prior_scale
    rates = 0.5 * (np.square(ratio) + np.square(distance) - 1.0) - np.log(ratio)
    return rates.mean(axis=0, dtype=np.float64)


def best_rows(block, factors, num):
    """Returns the rows of a block's codebook with the largest log q/p, largest first.

    Args:
        block: A `Block`.
        factors: Those of all latents of its group; see `factors_of`.
        num: How many rows, of which there may be fewer.

    Returns:
        Their numbers, int `[N, num]`; their log q/p in nats, `[N, num]`; and the book, float32
        `[2^bits, members]`.
    """
    book = rows_of_book(block.number, 0, 2**block.bits, len(block.members))
    constant, linear, square = (factor[:, block.members] for factor in factors)
    scores = linear @ book.T + square @ np.square(book).T + constant.sum(axis=1, keepdims=True)
    num = min(num, len(book))
    chosen = np.argpartition(-scores, num - 1, axis=1)[:, :num]
    of_chosen = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-of_chosen, axis=1, kind="stable")
    return (
        np.take_along_axis(chosen, order, axis=1),
        np.take_along_axis(of_chosen, order, axis=1),
        book,
    )
