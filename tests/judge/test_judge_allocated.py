"""Two peaks subtracted: what grew is named first, and without a change nothing is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from judge_examples import bound
from values import facts

from pytest_speedacc.config.policy import Policy
from pytest_speedacc.judge.allocated import explain_allocations, explain_growth, too_large
from pytest_speedacc.measure.allocations import NOBODY, Allocations, Site
from pytest_speedacc.report.sentences import all_said

MIB = 1024**2


def site(name, size, *, allocations=1, line=41):
    return Site(name, "features.py", line, round(size), allocations)


def peak(*sites):
    ordered = tuple(sorted(sites, key=lambda each: -each.bytes))
    return Allocations(sum(each.bytes for each in sites), ordered)


BASE = peak(site("widen", 4 * MIB, line=40), site("score", 1 * MIB))


def test_what_grew_is_named_with_its_part_and_its_allocations():
    now = peak(site("widen", 16 * MIB, allocations=2), site("score", 1.3 * MIB))
    assert all_said(explain_growth(now, BASE)) == (
        "widen (features.py:41): +12.0 MiB of 12.3 MiB more, 2 allocations where the base made 1",
        "score (features.py:41): +307 KiB of 12.3 MiB more, 1 allocation in both",
    )


def test_what_is_new_is_named_as_that():
    now = peak(*BASE.sites, site("copies", 3 * MIB, allocations=1200), Site(NOBODY, "", 0, MIB, 1))
    assert all_said(explain_growth(now, BASE)) == (
        "copies (features.py:41): +3.00 MiB of 4.00 MiB more, 1,200 allocations, and none in the base",
        f"{NOBODY}: +1.00 MiB of 4.00 MiB more, 1 allocation, and none in the base",
    )


def test_where_the_peak_itself_is_no_higher_there_is_nothing_to_be_a_part_of():
    (line,) = all_said(explain_growth(peak(site("copies", 5 * MIB)), BASE))
    assert line == "copies (features.py:41): +5.00 MiB, 1 allocation, and none in the base"


@pytest.mark.parametrize(
    "now",
    [
        BASE,
        peak(site("widen", 3 * MIB), site("score", 0.5 * MIB)),  # less
        peak(site("widen", 4.14 * MIB), site("score", 1 * MIB)),  # by less than 3 % of the base's peak
    ],
)
def test_without_a_change_nothing_is_named(now):
    assert all_said(explain_growth(now, BASE)) == ()


def test_of_a_small_peak_what_cannot_be_told_from_nothing_is_not_named():
    base = peak(site("widen", 2000))
    assert all_said(explain_growth(peak(site("widen", 3000)), base)) == ()
    assert len(all_said(explain_growth(peak(site("widen", 3100)), base))) == 1


def test_the_largest_growth_comes_first_and_few_are_named():
    now = peak(*BASE.sites, *(site(f"f{number}", number * MIB) for number in range(1, 9)))
    assert [line.partition(" ")[0] for line in all_said(explain_growth(now, BASE))] == ["f8", "f7", "f6", "f5", "f4"]


def test_what_holds_a_peak():
    now = peak(site("widen", 16 * MIB), site("score", 0.3 * MIB), site("copies", 3 * MIB, allocations=1200))
    assert all_said(explain_allocations(now)) == (
        "widen (features.py:41): 16.0 MiB, 83 %, 1 allocation",
        "copies (features.py:41): 3.00 MiB, 16 %, 1,200 allocations",
    )
    assert all_said(explain_allocations(peak())) == ()


def measured(memory, *, band=1024, batch_size=1):
    return facts(memory=memory, memory_band=band, batch_size=batch_size)


@pytest.mark.parametrize(
    ("candidate", "base", "looked_into"),
    [
        (measured(12 * MIB), measured(10 * MIB), True),
        (measured(10.4 * MIB), measured(10 * MIB), False),  # within the tolerance
        (measured(10.6 * MIB), measured(10 * MIB, band=MIB), False),  # within the band
        (measured(30 * MIB), measured(30 * MIB), True),  # over the limit
        (measured(12 * MIB), measured(10 * MIB, batch_size=8), False),
        (measured(12 * MIB), measured(None), False),
        (measured(12 * MIB), None, False),
        (None, measured(10 * MIB), False),
    ],
)
def test_what_fails_by_the_first_launch_is_looked_into(candidate, base, looked_into):
    key = ("test_it", "")
    run = SimpleNamespace(gates={key: SimpleNamespace(candidate=candidate, base=base)})
    bounds = (bound("max_memory_increase", "5 %"), bound("max_memory", "20 MiB"), bound("max_parameters", 1))
    assert too_large(run, {"test_it": Policy(bounds, "exact", 1.0)}) == ({key} if looked_into else set())
    assert too_large(run, {"test_it": Policy(bounds[2:], "exact", 1.0)}) == set()
