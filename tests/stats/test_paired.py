import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from scipy.stats import binom, binomtest, norm

from pytest_speedacc.stats.paired import Flips, difference_interval, mcnemar, resolvable_drop


@st.composite
def flips(draw):
    samples = draw(st.integers(1, 400))
    lost = draw(st.integers(0, samples))
    return Flips(lost, draw(st.integers(0, samples - lost)), samples)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_agrees_with_scipy(lost, gained):
    found = mcnemar(lost, gained)
    if lost + gained == 0:
        assert (found.worse, found.two_sided) == (1, 1)
        return
    assert found.worse == pytest.approx(binomtest(lost, lost + gained, alternative="greater").pvalue)
    assert found.two_sided == pytest.approx(binomtest(lost, lost + gained).pvalue)


@pytest.mark.parametrize(("lost", "gained", "samples"), [(-1, 0, 5), (0, -1, 5), (3, 3, 5), (0, 0, 0)])
def test_flips_that_do_not_fit_their_samples_are_refused(lost, gained, samples):
    with pytest.raises(ValueError, match=f"do not fit {samples} samples"):
        Flips(lost, gained, samples)


def standard_errors_above(flips, difference):
    """Tango's score statistic, its share of lost samples found by maximising the likelihood numerically."""

    def unlikelihood(lost_share):
        kept = 1 - 2 * lost_share - difference
        unflipped = flips.samples - flips.lost - flips.gained
        return -(xlogy(flips.lost, lost_share) + xlogy(flips.gained, lost_share + difference) + xlogy(unflipped, kept))

    bounds = max(0, -difference), (1 - difference) / 2
    lost_share = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = 2 * lost_share + difference - difference**2
    return (flips.gained - flips.lost - flips.samples * difference) / math.sqrt(flips.samples * variance)


@pytest.mark.parametrize("flips", [Flips(7, 1, 21), Flips(0, 3, 50), Flips(40, 55, 1000), Flips(30, 2, 10_000)])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_limits_lie_as_many_standard_errors_away_as_the_confidence_asks(flips, confidence):
    interval = difference_interval(flips, confidence)
    z = norm.ppf((1 + confidence) / 2)
    assert interval.estimate == (flips.gained - flips.lost) / flips.samples
    assert standard_errors_above(flips, interval.low) == pytest.approx(z, rel=1e-5)
    assert standard_errors_above(flips, interval.high) == pytest.approx(-z, rel=1e-5)


@given(st.integers(1, 100_000), st.sampled_from([0.8, 0.95, 0.99]))
def test_with_no_flips_the_interval_has_its_closed_form(samples, confidence):
    interval = difference_interval(Flips(0, 0, samples), confidence)
    z2 = norm.ppf((1 + confidence) / 2) ** 2
    assert interval.high == pytest.approx(z2 / (samples + z2), rel=1e-9)
    assert interval.low == pytest.approx(-interval.high, rel=1e-9)


@given(flips())
def test_the_interval_encloses_the_estimate_and_mirrors(flips):
    interval = difference_interval(flips)
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    mirrored = difference_interval(Flips(flips.gained, flips.lost, flips.samples))
    assert (mirrored.low, mirrored.high) == pytest.approx((-interval.high, -interval.low), abs=1e-12)
    wider = difference_interval(flips, confidence=0.99)
    assert wider.low <= interval.low
    assert interval.high <= wider.high


def misses(samples, lost_rate, gained_rate):
    """The exact probabilities that the interval lies wholly above, and wholly below, the true difference."""
    above = below = 0.0
    true = gained_rate - lost_rate
    lost_chances = binom.pmf(np.arange(samples + 1), samples, lost_rate)
    for lost in np.flatnonzero(lost_chances > 1e-6):
        rest = samples - lost
        chances = lost_chances[lost] * binom.pmf(np.arange(rest + 1), rest, gained_rate / (1 - lost_rate))
        for gained in np.flatnonzero(chances > 1e-6):
            interval = difference_interval(Flips(int(lost), int(gained), samples))
            above += chances[gained] * (interval.low > true)
            below += chances[gained] * (interval.high < true)
    return above, below


@pytest.mark.parametrize("samples", [30, 100, 300])
@pytest.mark.parametrize(
    ("lost_rate", "gained_rate"), [(0.01, 0.01), (0.05, 0.05), (0.02, 0), (0.1, 0), (0.1, 0.02), (0.3, 0.1)]
)
def test_the_interval_keeps_its_confidence(samples, lost_rate, gained_rate):
    above, below = misses(samples, lost_rate, gained_rate)
    assert above <= 0.03, "the drop is understated too often"
    assert below <= 0.045
    assert above + below <= 0.065


def test_the_interval_is_not_wider_than_its_confidence():
    above, below = misses(300, 0.05, 0.05)
    assert above + below > 0.04


@pytest.mark.parametrize(
    ("flips", "drop"),
    [
        (Flips(0, 0, 100), 0.05),  # five lost, none gained: p = 1/32
        (Flips(0, 0, 4), None),
        (Flips(0, 0, 5), 1.0),
        (Flips(2, 10, 1000), 0.010),  # 20 against 10: p = 0.0494
    ],
)
def test_the_drop_that_can_be_resolved(flips, drop):
    assert resolvable_drop(flips) == drop


@given(flips())
def test_a_resolvable_drop_is_significant_and_one_sample_less_is_not(flips):
    drop = resolvable_drop(flips)
    lost = round((1 if drop is None else drop) * flips.samples) + flips.gained
    if drop is not None:
        assert lost + flips.gained <= flips.samples
        assert mcnemar(lost, flips.gained).worse <= 0.05
        assert mcnemar(lost - 1, flips.gained).worse > 0.05
    else:
        assert mcnemar(flips.samples - flips.gained, flips.gained).worse > 0.05
