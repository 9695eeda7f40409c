"""The noise of the zoo: normal, repeatable, the same everywhere, and a stream for each row."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from zoo import philox, random

SEED = (7, 3)


def row_noise(num_rows, seed=SEED):
    return random.RowNoise(random.row_seeds(seed, num_rows))


def step_noise(num_rows, seed=SEED):
    return random.StepNoise(random.as_seed(seed), num_rows)


KINDS = pytest.mark.parametrize("make", [row_noise, step_noise])


# === The numbers are normal ===


def test_bits_become_the_normal_quantiles_of_their_cells():
    bits = np.array([0, 1, -1, 2**31 - 1, -(2**31), 123456789, -987654321, 511, 512], np.int32)
    cells = bits.view(np.uint32).astype(np.int64) // 2**9
    expected = scipy.special.ndtri((cells + 0.5) / 2.0**23)
    actual = tf.math.ndtri(philox.uniform_from_bits(tf.constant(bits)))
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6)
    assert np.abs(expected).max() < 5.31


@KINDS
def test_numbers_pass_for_standard_normal(make):
    numbers = np.float64(make(400).normal([500])).ravel()
    assert scipy.stats.kstest(numbers, "norm").pvalue > 1e-3
    count = numbers.size
    assert abs(numbers.mean()) < 4 / np.sqrt(count)
    assert abs(numbers.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs((numbers**4).mean() - 3) < 4 * np.sqrt(96 / count)


@KINDS
def test_rows_and_columns_are_uncorrelated(make):
    numbers = np.float64(make(300).normal([300]))
    for table in (numbers, numbers.T):
        correlations = np.corrcoef(table)[np.triu_indices(300, 1)]
        assert np.abs(correlations).max() < 6 / np.sqrt(300)


def unrelated(first, second):
    first, second = np.ravel(first), np.ravel(second)
    return abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)


@KINDS
def test_streams_are_unrelated(make):
    noise = make(50)
    assert unrelated(noise.normal([40], stream=0), noise.normal([40], stream=1))


@KINDS
def test_folded_noise_is_unrelated_to_its_parent_and_its_siblings(make):
    noise = make(50)
    numbers = [n.normal([40]) for n in (noise, noise.fold(0), noise.fold(1), noise.fold(0).fold(0))]
    for i in range(4):
        for j in range(i):
            assert unrelated(numbers[i], numbers[j])


def test_noise_of_a_batch_is_that_of_a_step_and_needs_no_replica(two_replicas):
    expected = step_noise(4).normal([3]), step_noise(4).fold(2).normal([3])
    with two_replicas.scope():  # Where a callback stands.
        noise = random.BatchNoise(random.as_seed(SEED), 4)
        actual = noise.normal([3]), noise.fold(2).normal([3])
    np.testing.assert_array_equal(actual, expected)


def test_derived_seeds_differ_for_every_seed_and_tag():
    seeds = [random.as_seed(s) for s in (0, 1, (0, 1), (1, 1), -1)]
    derived = [tuple(random.derive(s, tag).numpy()) for s in seeds for tag in range(20)]
    assert len(set(derived)) == len(derived)
    assert not set(derived) & {tuple(seed.numpy()) for seed in seeds}


def test_deriving_row_by_row_equals_deriving_together():
    rows = random.row_seeds(SEED, 5)
    together = random.derive(rows, 9)
    for row in range(5):
        np.testing.assert_array_equal(together[row], random.derive(rows[row], 9))


# === The same numbers everywhere ===


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@KINDS
def test_compiled_noise_is_the_eager_noise(make, jit_compile):
    compiled = tf.function(lambda: make(6).normal([3, 5], stream=2), jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(), make(6).normal([3, 5], stream=2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_folding_by_a_tensor_in_a_compiled_function_is_folding_by_an_int(jit_compile):
    compiled = tf.function(lambda tag: row_noise(3).fold(tag).normal([4]), jit_compile=jit_compile)
    expected = row_noise(3).fold(5).normal([4])
    np.testing.assert_allclose(compiled(tf.constant(5)), expected, rtol=1e-5, atol=1e-6)


def test_numbers_are_the_philox_of_random123():
    # Philox4x32-10 by its specification (Salmon et al. 2011), of counter 0 under key (3, 7).
    def philox(counter, key):
        c, (k0, k1) = list(counter), key
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [
                (p1 >> 32) ^ c[1] ^ k0,
                p1 & 0xFFFFFFFF,
                (p0 >> 32) ^ c[3] ^ k1,
                p0 & 0xFFFFFFFF,
            ]
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        return c

    noises = row_noise(1), step_noise(1)
    for stream in (0, 2):
        words = philox([0, 0, stream, 0], SEED) + philox([1, 0, stream, 0], SEED)
        expected = scipy.special.ndtri((np.array(words) // 2**9 + 0.5) / 2.0**23)
        for noise in noises:
            actual = noise.normal([8], stream=stream)[0]
            np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6)


def test_two_replicas_split_the_noise_of_one(two_replicas):
    whole = step_noise(6).normal([2, 3], stream=1)
    parts = two_replicas.run(tf.function(lambda: step_noise(3).normal([2, 3], stream=1)))
    parts = two_replicas.experimental_local_results(parts)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)


# === Rows ===


def test_row_depends_on_its_own_seed_alone():
    # Uniform numbers: the last bit of a normal one depends on its place in a processor's vectors.
    together = row_noise(5, seed=(4, 10)).uniform([7])
    for row in range(5):
        alone = random.RowNoise(tf.constant([[4, 10 + row]])).uniform([7])
        np.testing.assert_array_equal(alone[0], together[row])


def test_row_seeds_count_up_in_the_second_word():
    assert random.row_seeds(5, 3).numpy().tolist() == [[5, 0], [5, 1], [5, 2]]
    assert random.row_seeds((5, 2), 2).numpy().tolist() == [[5, 2], [5, 3]]
    assert random.row_seeds(np.array([5, -1]), 2).numpy().tolist() == [[5, -1], [5, 0]]
    assert random.row_seeds(tf.constant([5, 1]), 1).numpy().tolist() == [[5, 1]]


@KINDS
def test_uniform_numbers_are_those_of_which_the_normal_ones_are_quantiles(make):
    uniform = make(50).uniform([20], stream=2).numpy()
    assert 0 < uniform.min() < uniform.max() < 1
    assert scipy.stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    expected = scipy.special.ndtri(uniform.astype(np.float64))
    np.testing.assert_allclose(make(50).normal([20], stream=2), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_mean_noise_is_zero(jit_compile):
    def draw(noise):
        return noise.normal([3]), noise.uniform([3], stream=1)

    compiled = tf.function(lambda: draw(random.MeanNoise(2)), jit_compile=jit_compile)
    for normal, uniform in (draw(random.MeanNoise(2)), compiled()):
        assert normal.numpy().tolist() == [[0.0] * 3] * 2
        assert uniform.numpy().tolist() == [[0.5] * 3] * 2


# === Numbers that models were trained and published with ===

UNIFORMS = {
    ("row", 0): [[0.20142347, 0.80381733, 0.026291192], [0.4865728, 0.02171129, 0.52637094]],
    ("row", 1): [[0.77703744, 0.085572064, 0.32869846], [0.9040429, 0.6457154, 0.3762874]],
    ("row", 5): [[6.8724156e-05, 0.43718952, 0.6908229], [0.014756858, 0.3580094, 0.25562388]],
    ("step", 0): [[0.20142347, 0.80381733, 0.026291192], [0.8171517, 0.72836727, 0.048115313]],
    ("step", 1): [[0.77703744, 0.085572064, 0.32869846], [0.43586975, 0.6246883, 0.66298908]],
    ("step", 5): [[6.8724156e-05, 0.43718952, 0.6908229], [0.6455583, 0.39904577, 0.6607384]],
}


@pytest.mark.parametrize(("kind", "stream"), list(UNIFORMS))
def test_numbers_stay_as_they_were(kind, stream):
    make = {"row": row_noise, "step": step_noise}[kind]
    expected = np.float32(UNIFORMS[kind, stream])
    np.testing.assert_array_equal(make(2).uniform([3], stream), expected)
    normal = make(2).normal([3], stream)
    np.testing.assert_allclose(normal, scipy.special.ndtri(np.float64(expected)), rtol=1e-5)


def test_derived_numbers_stay_as_they_were():
    assert random.derive(random.as_seed(SEED), 4).numpy().tolist() == [-1581876662, 1405180066]
    folded = row_noise(2).fold(4)
    expected = [[-1581876662, 1405180066], [92204119, -786056301]]
    assert folded.seeds.numpy().tolist() == expected
    expected = [[2.598689, -0.43295425, 0.40996256], [-1.6082298, -0.5519076, -0.7920104]]
    np.testing.assert_allclose(folded.normal([3]), expected, rtol=1e-6)


# === No number comes twice ===

ALL_KINDS = pytest.mark.parametrize("make", [row_noise, step_noise, random.MeanNoise])


@ALL_KINDS
@pytest.mark.parametrize("first", ["normal", "uniform"])
@pytest.mark.parametrize("second", ["normal", "uniform"])
def test_a_stream_is_drawn_once(make, first, second):
    noise = make(2)
    getattr(noise, first)([3], stream=4)
    noise.normal([3], stream=2)
    with pytest.raises(RuntimeError, match=r"Stream 4 of this \w+Noise was drawn.*as in stream=5"):
        getattr(noise, second)([1], stream=4)
    noise.fold(1).normal([3], stream=4)


@pytest.mark.parametrize("stream", [-1, 2**32, 1.0, None])
def test_a_stream_has_a_number(stream):
    with pytest.raises(
        ValueError, match=f"stream must be an int from 0. Received: stream={stream}"
    ):
        row_noise(2).normal([3], stream)


@ALL_KINDS
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_a_loop_folds_its_noise(make, compiled):
    def draw(noise, fold):
        return tf.map_fn(
            lambda index: (noise.fold(index) if fold else noise).normal([3]),
            tf.range(3),
            fn_output_signature=tf.TensorSpec([2, 3]),
        )

    def run(fold):
        return draw(make(2), fold)

    run = tf.function(run) if compiled else run
    with pytest.raises(RuntimeError, match=r"(made outside of|drawn before).*noise.fold\(index\)"):
        run(fold=False)
    numbers = run(fold=True).numpy()
    assert numbers.shape == (3, 2, 3)
    for index in range(3):
        expected = make(2).fold(index).normal([3])
        np.testing.assert_allclose(numbers[index], expected, rtol=1e-5, atol=1e-6)


def test_noise_from_outside_of_a_compiled_function_is_refused_there():
    noise = row_noise(2)
    with pytest.raises(RuntimeError, match=r"This RowNoise was made outside of .* its stream 1"):
        tf.function(lambda: noise.normal([3], stream=1))()


def test_folded_noise_of_a_step_is_none_that_its_seed_derives():
    noise = step_noise(2)
    seeds = [noise.fold(tag).seed for tag in (-1, 0, 1)]
    seeds += [random.derive(noise.seed, tag) for tag in (-1, 0, 1)]
    assert len({tuple(seed.numpy()) for seed in [*seeds, noise.seed]}) == 7


# === Seeds ===


def test_no_seed_draws_one_that_set_random_seed_repeats():
    import keras

    keras.utils.set_random_seed(1)
    first, second = random.as_seed(None), random.as_seed(None)
    keras.utils.set_random_seed(1)
    assert random.as_seed(None).numpy().tolist() == first.numpy().tolist()
    assert first.numpy().tolist() != second.numpy().tolist()


@pytest.mark.parametrize(
    "seed", [1.5, "1", 2**31, -(2**31) - 1, [1, 2, 3], [[1, 2]], [], [1.0, 2.0], True]
)
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match=r"A seed is an int or two ints.*Received: .*"):
        random.as_seed(seed)


def test_a_float_tensor_is_no_seed():
    with pytest.raises(ValueError, match="A seed is an int or two ints"):
        random.as_seed(tf.constant([1.5, 2.0]))
