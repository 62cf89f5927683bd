import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_speedacc.stats.binomial import at_least, at_most

SIZES = [0, 1, 2, 10, 64, 1000, 10**5, 10**6]
CHANCES = [0.0, 1e-9, 1e-6, 0.001, 0.01, 0.05, 0.5, 0.9, 0.99, 0.999999, 1.0]


def telling_counts(n, p):
    """The ends, one beyond each, and counts up to 11 standard deviations from the mean."""
    around = (int(n * p + z * math.sqrt(n * p * (1 - p))) for z in (-11, -6, -3, -1, 0, 1, 3, 6, 11))
    return {-1, 0, 1, n // 2, n - 1, n, n + 1, *around}


@pytest.mark.parametrize("n", SIZES)
def test_tails_agree_with_scipy(n):
    for p in CHANCES:
        for t in telling_counts(n, p):
            lower, upper = binom.cdf(t, n, p), binom.sf(t - 1, n, p)
            assert at_most(t, n, p) == pytest.approx(lower, abs=1e-12, rel=0), (t, n, p)
            assert at_least(t, n, p) == pytest.approx(upper, abs=1e-12, rel=0), (t, n, p)


def test_small_tails_keep_their_leading_digits():
    assert at_most(0, 1000, 0.05) == pytest.approx(0.95**1000, rel=1e-12)
    assert at_most(495_500, 10**6, 0.5) == pytest.approx(binom.cdf(495_500, 10**6, 0.5), rel=1e-11)
    assert at_least(40, 40, 0.3) == pytest.approx(0.3**40, rel=1e-12)


@given(n=st.integers(1, 5000), p=st.floats(0, 1), t=st.integers(-2, 5002))
def test_the_tails_of_neighbouring_counts_make_one(n, p, t):
    assert at_most(t, n, p) + at_least(t + 1, n, p) == pytest.approx(1, abs=1e-12)


@given(n=st.integers(1, 5000), t=st.integers(0, 5000), low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_greater_chance_makes_few_less_likely(n, t, low, high):
    low, high = sorted((low, high))
    assert at_most(t, n, high) <= at_most(t, n, low) + 1e-12


@pytest.mark.parametrize(("n", "p"), [(-1, 0.5), (10, -0.1), (10, 1.1), (10, math.nan)])
def test_what_is_no_binomial_is_refused(n, p):
    with pytest.raises(ValueError, match="a binomial needs"):
        at_most(0, n, p)
