"""Targets that compare seeds: pairs of one seed, and the rate brought to one error."""

import numpy as np
import pytest
from scipy import stats

from training.reproduction.target import Finished, Result
from training.reproduction.targets import TARGETS


def result(rate, rmse, multiplier=None, marginal=None):
    metrics = {"test": {"rate": rate, "rmse": rmse}}
    if multiplier is not None:
        metrics["multipliers"] = {"reconstruction_error": multiplier}
    names = ("average_kl", "by_mixture", "by_density_ratio")
    marginal_kl = dict.fromkeys(names, marginal) | {
        "mutual_information": 1.0,
        "log_num_images": 6.9,
    }
    measures = {"marginal_kl": marginal_kl} if marginal else {}
    history = [{"step": 1, "val_rate": rate, "val_rmse": rmse}]
    return Result(metrics, measures, history, recipe=None, made_with={}, load=None)


def drawn(name, results, path):
    target = TARGETS[name]
    numbers, arrays = target.measure(Finished(results, (), "small"))
    target.draw(numbers, arrays, path / "picture.png")
    assert (path / "picture.png").stat().st_size > 0
    return numbers, target.verdict(numbers)


def test_rates_are_compared_at_one_error(tmp_path):
    # By λ = 10⁵ an error that is 10⁻⁴ larger is worth 10 nats.
    results = {
        "conv_draw_cifar10_elbo": result(100.0, 0.02**0.5),
        "conv_draw_cifar10_same_error": result(105.0, 0.0199**0.5, multiplier=1e5),
        "conv_draw_cifar10_elbo_seed_1": result(100.0, 0.02**0.5),
    }
    numbers, verdict = drawn("figure-5", results, tmp_path)
    assert numbers["seeds"] == 1
    assert numbers["rate_ratio"] == [pytest.approx(1.05)]
    assert numbers["rate_ratio_at_one_error"] == [pytest.approx(0.95)]
    assert verdict.startswith("no verdict")  # Of one seed.


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        ((94.0, 104.0), "no difference"),
        ((98.4, 97.9), "no difference"),  # Two seeds near to each other may be so by chance.
        ((98.4, 97.9, 98.1), "agrees"),
        ((101.6, 102.1, 101.9), "disagrees"),
    ],
)
def test_a_difference_that_may_be_chance_is_none(rates, word, tmp_path):
    results = {}
    for suffix, rate in zip(("", "_seed_1", "_seed_2"), rates, strict=False):
        results[f"conv_draw_cifar10_elbo{suffix}"] = result(100.0, 0.1)
        results[f"conv_draw_cifar10_same_error{suffix}"] = result(rate, 0.1, multiplier=1.0)
    numbers, verdict = drawn("figure-5", results, tmp_path)
    assert verdict.startswith(word)
    ratios = np.array(rates) / 100.0
    interval = stats.ttest_1samp(ratios, 1.0).confidence_interval(0.95)
    assert numbers["interval_of_the_mean"] == pytest.approx(list(interval))


def test_marginal_kls_are_compared_seed_by_seed(tmp_path):
    results = {
        "nvp_vae_cifar10_elbo": result(10.0, 0.1, marginal=8.0),
        "nvp_vae_cifar10_elbo_seed_2": result(10.0, 0.1, marginal=9.0),
        "nvp_vae_cifar10_same_error": result(5.0, 0.1, marginal=4.0),
        "nvp_vae_cifar10_same_error_seed_1": result(5.0, 0.1, marginal=5.0),
        "nvp_vae_cifar10_same_error_seed_2": result(5.0, 0.1, marginal=3.0),
    }
    numbers, verdict = drawn("table-2", results, tmp_path)
    rows = numbers["rows"]["CIFAR-10"]
    assert rows["GECO, the ELBO's error"]["by_mixture"] == [4.0, 5.0, 3.0]
    factors = numbers["factors"]["ELBO's over it, CIFAR-10"]["GECO, the ELBO's error"]
    assert factors["by_mixture"] == pytest.approx([2.0, 3.0])
    assert verdict.startswith("agrees in direction")
    assert "2.00 to 3.00 by mixture" in verdict


@pytest.mark.parametrize(
    ("marginal", "rmse", "word"),
    [
        (0.5, 0.102, "agrees."),
        (7.9, 0.102, "disagrees"),
        (0.5, 0.11, "no verdict"),
        (-0.1, 0.1, "agrees."),
    ],
)
def test_marginal_kls_are_judged_at_one_error(marginal, rmse, word, tmp_path):
    results = {
        "nvp_vae_cifar10_elbo": result(10.0, 0.1, marginal=8.0),
        "nvp_vae_cifar10_geco_0.1": result(5.0, rmse, marginal=marginal),
    }
    _, verdict = drawn("table-2", results, tmp_path)
    assert verdict.startswith(word)


def test_a_density_ratio_that_cannot_be_right_is_left_out(tmp_path):
    """It is 1 nat where the mixture says 8 and hence at least 8 - log 60 = 3.9."""
    elbo = result(10.0, 0.1, marginal=8.0)
    elbo.measures["marginal_kl"]["by_density_ratio"] = 1.0
    results = {
        "nvp_vae_cifar10_elbo": elbo,
        "nvp_vae_cifar10_same_error": result(5.0, 0.1, marginal=4.0),
    }
    _, verdict = drawn("table-2", results, tmp_path)
    assert verdict.startswith("agrees in direction")
    assert "2.00 by mixture (the paper" in verdict
    assert "left out, for CIFAR-10, ELBO." in verdict
