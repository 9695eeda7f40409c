"""What the benchmark of PyTorch peers makes of seconds, with frameworks that only say them."""

import numpy as np
import pytest

from benchmarks.peers import __main__ as peers
from benchmarks.peers import settings
from benchmarks.peers.sampling import __main__ as sampling


class Framework:
    def __init__(self, **seconds):
        self.seconds = {name.replace("_", " "): taken for name, taken in seconds.items()}

    def __call__(self, do, name=None, **given):
        return self.seconds[name] if do == "run" else 10.0


def test_the_slow_leave_and_a_precision_that_left_is_not_compiled():
    zoo = Framework(float32=1.0, bfloat16=1.5)
    torch = Framework(eager_float32=1.2, eager_bfloat16=4.0, compiled_float32=0.8)
    variants, _, ready = peers.prepare(zoo, torch, "conv_vae", peers.WAYS)
    assert set(variants) == {"float32", "bfloat16", "eager float32", "compiled float32"}
    assert "compiled bfloat16" not in ready


def test_float32_stays_however_fast_bfloat16_is():
    zoo = Framework(float32=4.0, bfloat16=1.0)
    torch = Framework(
        eager_float32=4.0, eager_bfloat16=1.0, compiled_float32=1.5, compiled_bfloat16=1.0
    )
    variants, _, _ = peers.prepare(zoo, torch, "conv_vae", peers.WAYS)
    assert set(variants) == {*zoo.seconds, *torch.seconds} - {"eager float32"}


def test_the_better_way_of_a_precision_counts():
    seconds = {
        "float32": [1.0, 2.0, 1.0],
        "bfloat16": [1.0, 1.0, 1.0],
        "eager float32": [3.0, 3.0, 3.0],
        "compiled float32": [2.0, 4.0, 2.0],
    }
    compared = peers.compare(seconds, batch_size=64)
    assert set(compared) == {"float32"}
    assert compared["float32"]["torch_variant"] == "compiled"
    assert compared["float32"]["our_images_per_second"] == 64.0
    assert compared["float32"]["their_images_per_second"] == 32.0
    assert compared["float32"]["times_as_fast"]["median"] == 2.0


@pytest.mark.parametrize("name", ["loss", "gradients"])
@pytest.mark.parametrize("difference", [0.1, float("nan")])
def test_a_peer_of_other_results_is_refused(name, difference):
    differences = {"loss": 0.0, "gradients": 0.0, name: difference}
    with pytest.raises(RuntimeError, match=name):
        peers.check(lambda *_, **__: None, lambda *_, **__: differences, "conv_vae")


@pytest.mark.parametrize("peer", settings.PEERS)
def test_every_peer_has_settings_and_a_file(peer):
    found = settings.of(peer)
    assert found["batch_size"] > 0
    assert found["term_weights"]
    assert (settings.RECIPES.parents[1] / "benchmarks" / "peers" / f"{peer}.py").exists()


def test_the_better_of_both_sides_counts_in_sampling():
    seconds = {"graph": [2.0] * 3, "xla": [1.0] * 3, "eager": [5.0] * 3, "compiled": [4.0] * 3}
    compared = sampling.compare(seconds)
    assert (compared["our_best"], compared["their_best"]) == ("xla", "compiled")
    assert compared["times_as_fast"]["median"] == 4.0
    assert compared["graph_times_as_fast"]["median"] == 2.0


def test_a_few_images_may_differ_by_rounding_but_not_many():
    ours = np.zeros([16, 2, 2, 1])
    theirs = ours.copy()
    theirs[:2, 1, 1] = 1 / 255
    assert sampling.count_differing(ours, theirs + 1e-6) == 2
    theirs[2, 1, 1] = 1 / 255
    with pytest.raises(RuntimeError, match="3 of 16 images differ"):
        sampling.count_differing(ours, theirs)
