"""Models beside each other on sets of known topology: what is measured, drawn and said."""

import numpy as np
import pytest

from tests.training.evaluation.test_known_topology import AngleModel
from training.datasets.topology import MANIFOLDS, rendering_of
from training.reproduction.target import Finished, Result
from training.reproduction.targets import TARGETS, topology

TARGET = TARGETS["topology"]
VAE, WIDE, CHARTS, DIFFUSION = topology._WAYS.values()


def table_of(faults):
    """A table of models with these shares of samples off the set, and of the set covered."""
    rows = zip((VAE, WIDE, CHARTS, DIFFUSION), faults, strict=False)
    table = {way: {"off_manifold_share": off, "coverage": share} for way, (off, share) in rows}
    return {"the data": {"off_manifold_share": 0.0, "coverage": 1.0}} | table


GOOD = (0.02, 0.97)
CONTROL = table_of([GOOD] * 4)
CUT, FILLED = (0.05, 0.7), (0.6, 0.99)


@pytest.mark.parametrize(
    ("faults", "word"),
    [
        ((CUT, FILLED, GOOD, GOOD), "agrees: "),
        ((CUT, FILLED, GOOD, FILLED), "agrees in part: "),
        # Of all most samples are off the set, of one a little fewer.
        (((1.0, 0.9), (0.98, 0.9), GOOD, (0.9, 0.9)), "agrees in part: "),
        ((CUT, FILLED, GOOD), "agrees in part: "),
        ((CUT, GOOD, GOOD, FILLED), "disagrees: "),
    ],
)
def test_cuts_and_fillings_of_closed_sets_are_judged(faults, word):
    verdict = TARGET.verdict({"interval": CONTROL, "circle": table_of(faults)})
    assert verdict.startswith(word)
    assert f"circle: {VAE} {faults[0][0]:.0%} and {faults[0][1]:.0%}" in verdict


def test_there_is_no_verdict_without_the_control_or_a_model_to_compare_with():
    assert TARGET.verdict({"circle": CONTROL}).startswith("no verdict: ")
    both = {"interval": CONTROL, "circle": table_of([CUT, FILLED])}
    assert TARGET.verdict(both).startswith("no verdict: ")


def test_a_detour_is_as_long_as_the_way_round():
    # Around a square instead of along its side.
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32).reshape(1, 4, 1, 2, 1)
    assert topology._detours(corners) == pytest.approx(3.0)


def test_every_set_has_a_run_of_each_model_with_the_dimension_of_the_set():
    recipes = {run.name: run.recipe for run in TARGET.runs("small")}
    assert len(recipes) == 4 * len(MANIFOLDS)
    for name, manifold in MANIFOLDS.items():
        arguments = [
            recipes[f"topology_{name}_{way}"].architecture["arguments"] for way in topology._WAYS
        ]
        dims = [arguments[0]["latent_dim"], arguments[1]["latent_dim"], arguments[2]["chart_dim"]]
        assert dims == [manifold.dimension, manifold.dimension + 1, manifold.dimension]
        assert recipes[f"topology_{name}_vae"].data["name"] == f"topology:{name}"


class Sampler:
    """Samples a set as it is."""

    has_encoder = False

    def sample(self, num, seed):
        rendering = rendering_of("circle", (8, 8))
        return rendering.render(rendering.manifold.draw(num, np.random.default_rng(seed)))


def result_of(way, model, measures):
    run = next(run for run in TARGET.runs("smoke") if run.name.endswith(way))
    metrics = {"training_seconds": 90.0}
    return run.name, Result(metrics, measures, [], run.recipe, {}, lambda: model)


def test_models_are_measured_beside_the_data_and_drawn(tmp_path):
    found = {"off_manifold_share": 0.1, "coverage": 0.5, "path_jump": 2.0}
    results = dict(
        result_of(way, model, {"known_topology": found})
        for way, model in (("chart_vae", AngleModel()), ("diffusion", Sampler()))
    )
    numbers, arrays = TARGET.measure(Finished(results, (), "smoke"))
    table = numbers["circle"]
    assert list(table) == ["the data", CHARTS, DIFFUSION]
    assert table[CHARTS] == found | {"minutes": 1.5}
    assert table["the data"]["off_manifold_share"] == 0.0
    assert [table["the data"][f"betti_{k}"] for k in range(3)] == [1, 1, 0]
    # An angle jumps nowhere but between its ends, at which a path goes the long way round.
    line = arrays[f"circle {CHARTS} line"]
    assert np.abs(np.linalg.norm(line, axis=1) - 1.0).max() < 0.02
    assert f"circle {DIFFUSION} line" not in arrays
    TARGET.draw(numbers, arrays, tmp_path / "topology.png")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"topology.png", "topology_samples.png", "topology_paths.png"}


def test_nothing_is_drawn_of_nothing():
    assert TARGET.measure(Finished({}, (), "smoke")) is None
