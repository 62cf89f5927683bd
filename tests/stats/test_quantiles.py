from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, lognorm

from pytest_speedacc.stats.quantiles import judge_quantile, largest_allowed, look_sizes, quantile_interval, spend


def test_looks_double():
    assert list(islice(look_sizes(), 4)) == [64, 128, 256, 512]


def test_all_looks_together_spend_the_level_and_no_more():
    shares = [spend(0.05, look) for look in range(40)]
    assert shares[:2] == [0.025, 0.0125]
    assert sum(shares) == pytest.approx(0.05)
    assert sum(shares) <= 0.05


# Published: the sample sizes of MLPerf's early-stopping tables and of the usual zero-failure tables.
@pytest.mark.parametrize(
    ("calls", "q", "level", "allowed"),
    [
        (58, 0.95, 0.05, None),
        (59, 0.95, 0.05, 0),
        (298, 0.99, 0.05, None),
        (299, 0.99, 0.05, 0),
        (63, 0.90, 0.01, 0),
        (64, 0.90, 0.01, 1),
        (129, 0.95, 0.01, 0),
        (130, 0.95, 0.01, 1),
        (661, 0.99, 0.01, 0),
        (662, 0.99, 0.01, 1),
    ],
)
def test_published_floors(calls, q, level, allowed):
    assert largest_allowed(calls, q, level) == allowed


# From published LoadGen logs; it discards one fewer than may be over.
@pytest.mark.parametrize(("calls", "discards"), [(7914, 728), (100, 2)])
def test_published_loadgen_discards(calls, discards):
    assert largest_allowed(calls, 0.90, 0.01) - 1 == discards


@given(st.integers(1, 3000), st.floats(0.01, 0.99), st.sampled_from([0.001, 0.05]))
def test_largest_allowed_is_the_last_that_satisfies_the_test(calls, q, level):
    allowed = largest_allowed(calls, q, level)
    first_refused = 0 if allowed is None else allowed + 1
    assert binom.cdf(first_refused, calls, 1 - q) > level * (1 - 1e-9)
    assert allowed is None or binom.cdf(allowed, calls, 1 - q) <= level * (1 + 1e-9)


@pytest.mark.parametrize(
    ("over", "verdict"),
    # Bin(64, 0.5): at most 23 over has probability 1.6 %, 24 has 3.0 %; at least 43 has 0.4 %, 42 has 0.8 %.
    [(0, "passed"), (23, "passed"), (24, "undecided"), (42, "undecided"), (43, "failed"), (64, "failed")],
)
def test_the_verdict_at_its_boundaries(over, verdict):
    assert judge_quantile(over, 64, 0.5, look=0, alpha=0.01) == verdict


def wrong_verdicts(q, over_chance, alpha, looks=8):
    """The exact probabilities of passing and of failing at any of the looks, by following every count."""
    undecided, calls, passed, failed = np.array([1.0]), 0, 0.0, 0.0
    for look, size in enumerate(islice(look_sizes(), looks)):
        more = size - calls
        calls = size
        undecided = np.convolve(undecided, binom.pmf(np.arange(more + 1), more, over_chance))
        for over in np.flatnonzero(undecided > 1e-13):
            verdict = judge_quantile(int(over), calls, q, look, alpha)
            passed += undecided[over] * (verdict == "passed")
            failed += undecided[over] * (verdict == "failed")
            undecided[over] *= verdict == "undecided"
    return passed, failed


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_a_quantile_on_the_limit_is_rarely_decided_either_way(q, alpha):
    passed, failed = wrong_verdicts(q, over_chance=1 - q, alpha=alpha)
    assert passed <= 0.05
    assert alpha / 5 < failed <= alpha


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_clear_of_the_limit_is_decided_rightly(q):
    passed, failed = wrong_verdicts(q, over_chance=(1 - q) / 2, alpha=0.001)
    assert passed > 0.9
    assert failed < 1e-4
    passed, failed = wrong_verdicts(q, over_chance=(1 - q) * 1.8, alpha=0.001)
    assert passed < 1e-3
    assert failed > 0.9


@given(st.data(), st.sampled_from([0.5, 0.9, 0.99]), st.integers(0, 6))
def test_more_calls_over_never_make_the_verdict_better(data, q, look):
    order = ["passed", "undecided", "failed"]
    calls = 64 << look
    fewer = data.draw(st.integers(0, calls))
    more = data.draw(st.integers(fewer, calls))
    verdicts = [judge_quantile(over, calls, q, look, alpha=0.01) for over in (fewer, more)]
    assert order.index(verdicts[0]) <= order.index(verdicts[1])


@pytest.mark.parametrize("over", [-1, 65])
def test_an_impossible_count_is_refused(over):
    with pytest.raises(ValueError, match=f"must be 0 to 64, got {over}"):
        judge_quantile(over, 64, 0.5, look=0, alpha=0.01)


@pytest.mark.parametrize("q", [0, 1, 95])
def test_a_quantile_outside_0_to_1_is_refused(q):
    with pytest.raises(ValueError, match=f"lies between 0 and 1, got {q}"):
        judge_quantile(0, 64, q, look=0, alpha=0.01)
    with pytest.raises(ValueError, match=f"lies between 0 and 1, got {q}"):
        largest_allowed(64, q, 0.05)


values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300).map(sorted)


@given(values, st.sampled_from([0.1, 0.5, 0.9, 0.99]))
def test_the_interval_encloses_the_estimate(ordered, q):
    interval = quantile_interval(ordered, q)
    if interval is not None:
        low, high = interval
        assert low <= np.quantile(ordered, q) <= high


@pytest.mark.parametrize(("q", "fewest"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_too_few_values_have_no_interval(q, fewest):
    # The upper end needs one value above the quantile: q**n at most 2.5 %.
    assert quantile_interval(list(range(fewest - 1)), q) is None
    assert quantile_interval(list(range(fewest)), q) is not None


@pytest.mark.parametrize(("n", "q"), [(50, 0.5), (200, 0.9), (1000, 0.99)])
def test_the_interval_covers_a_skewed_distribution(n, q):
    low, high = map(int, quantile_interval(range(n), q))  # of the ranks, it gives the ranks
    draws = np.sort(np.random.default_rng(7).lognormal(size=(4000, n)), axis=1)
    truth = lognorm.ppf(q, 1)
    coverage = np.mean((draws[:, low] <= truth) & (truth <= draws[:, high]))
    assert 0.945 < coverage < 0.985


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_of_calls_that_are_alike_in_pairs_half_as_many_count(q):
    found = [judge_quantile(2 * over, 512, q, 0, 0.01, alike=2.0) for over in range(257)]
    assert found == [judge_quantile(over, 256, q, 0, 0.01) for over in range(257)]
    assert set(found) == {"passed", "undecided", "failed"}
    low, high = quantile_interval(range(256), q)
    assert quantile_interval(range(512), q, alike=2.0) == (2 * low, 511 - 2 * (255 - high))
