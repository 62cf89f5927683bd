import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_speedacc.axes.units import (
    Kind,
    format_bytes,
    format_change,
    format_seconds,
    format_value,
    parse_in_unit,
    parse_quantity,
)
from pytest_speedacc.errors import ConfigError

THREE_DIGITS = 0.0051
"""Largest relative error of a number written with three digits."""


@given(st.floats(1e-9, 1e6))
def test_a_formatted_time_reads_back(seconds):
    text = format_seconds(seconds)
    assert parse_quantity(text, Kind.TIME, "here") == pytest.approx(seconds, rel=THREE_DIGITS)


@given(st.integers(0, 2**50))
def test_a_formatted_size_reads_back(size):
    text = format_bytes(size)
    assert parse_quantity(text, Kind.SIZE, "here") == pytest.approx(size, rel=THREE_DIGITS)


@given(st.floats(0, 1e6))
def test_a_formatted_fraction_reads_back(fraction):
    text = format_value(fraction, Kind.FRACTION)
    assert parse_quantity(text, Kind.FRACTION, "here") == pytest.approx(fraction, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5 ns", Kind.TIME, 5e-9),
        ("5 us", Kind.TIME, 5e-6),
        ("5 \u00b5s", Kind.TIME, 5e-6),  # the micro sign
        ("5 \u03bcs", Kind.TIME, 5e-6),  # the Greek letter
        ("5 ms", Kind.TIME, 0.005),
        ("5 s", Kind.TIME, 5),
        ("5 min", Kind.TIME, 300),
        ("5 h", Kind.TIME, 18_000),
        ("5ms", Kind.TIME, 0.005),
        ("  5   ms ", Kind.TIME, 0.005),
        ("+1.5e1 ms", Kind.TIME, 0.015),
        (".5 ms", Kind.TIME, 0.0005),
        ("5. ms", Kind.TIME, 0.005),
        ("0 ms", Kind.TIME, 0),
        ("1_000 B", Kind.SIZE, 1000),
        ("5 kB", Kind.SIZE, 5000),
        ("5 KB", Kind.SIZE, 5000),
        ("5 MB", Kind.SIZE, 5e6),
        ("5 GB", Kind.SIZE, 5e9),
        ("5 KiB", Kind.SIZE, 5 * 1024),
        ("5 MiB", Kind.SIZE, 5 * 1024**2),
        ("5 GiB", Kind.SIZE, 5 * 1024**3),
        ("3 %", Kind.FRACTION, 0.03),
    ],
)
def test_quantities_are_read_into_the_unit_of_their_kind(text, kind, value):
    assert parse_quantity(text, kind, "here") == pytest.approx(value)


TIMES = 'it takes one of ns, us, \u00b5s, ms, s, min, h, as in "5 ms".'
SIZES = 'it takes one of B, kB, KB, MB, GB, KiB, MiB, GiB, as in "64 MiB".'
NO_TIME = 'must be a number with its unit, as in "5 ms".'


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("5", Kind.TIME, f"here = '5' has no unit; {TIMES}"),
        (5, Kind.TIME, f"here = 5 has no unit; {TIMES}"),
        (0.005, Kind.TIME, f"here = 0.005 has no unit; {TIMES}"),
        ("5 KB", Kind.TIME, f"here = '5 KB' has the unit 'KB'; {TIMES}"),
        ("5 MS", Kind.TIME, f"here = '5 MS' has the unit 'MS'; {TIMES}"),
        ("5 ms", Kind.SIZE, f"here = '5 ms' has the unit 'ms'; {SIZES}"),
        (67108864, Kind.SIZE, f"here = 67108864 has no unit; {SIZES}"),
        ("5 ms", Kind.FRACTION, "here = '5 ms' has the unit 'ms'; it takes one of %, as in \"5 %\"."),
        (0.05, Kind.FRACTION, 'here = 0.05 has no unit; it takes one of %, as in "5 %".'),
        ("", Kind.TIME, f"here = '' {NO_TIME}"),
        ("ms", Kind.TIME, f"here = 'ms' {NO_TIME}"),
        ("fast", Kind.TIME, f"here = 'fast' {NO_TIME}"),
        ("5 m s", Kind.TIME, f"here = '5 m s' {NO_TIME}"),
        ("1,5 ms", Kind.TIME, f"here = '1,5 ms' {NO_TIME}"),
        ("1__0 ms", Kind.TIME, f"here = '1__0 ms' {NO_TIME}"),
        ("5_ ms", Kind.TIME, f"here = '5_ ms' {NO_TIME}"),
        (True, Kind.TIME, f"here = True {NO_TIME}"),
        (None, Kind.TIME, f"here = None {NO_TIME}"),
        (["5 ms"], Kind.TIME, f"here = ['5 ms'] {NO_TIME}"),
        (float("nan"), Kind.TIME, f"here = nan {NO_TIME}"),
        ("nan ms", Kind.TIME, f"here = 'nan ms' {NO_TIME}"),
        (float("inf"), Kind.TIME, f"here = inf {NO_TIME}"),
        ("1e999 ms", Kind.TIME, "here = '1e999 ms' must be finite and not negative."),
        ("-5 ms", Kind.TIME, "here = '-5 ms' must be finite and not negative."),
        (-5, Kind.TIME, "here = -5 must be finite and not negative."),
    ],
)
def test_a_wrong_quantity_is_refused_with_what_is_right(value, kind, message):
    with pytest.raises(ConfigError) as refusal:
        parse_quantity(value, kind, "here")
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.00215, Kind.TIME, "2.15 ms"),
        (0.0, Kind.TIME, "0.00 ns"),
        (5e-10, Kind.TIME, "0.500 ns"),
        (9.994e-6, Kind.TIME, "9.99 \u00b5s"),
        (9.996e-6, Kind.TIME, "10.0 \u00b5s"),
        (99.6e-6, Kind.TIME, "99.6 \u00b5s"),
        (99.96e-6, Kind.TIME, "100 \u00b5s"),
        (0.0009994, Kind.TIME, "999 \u00b5s"),
        (0.0009996, Kind.TIME, "1.00 ms"),
        (0.9996, Kind.TIME, "1.00 s"),
        (3600.0, Kind.TIME, "3600 s"),
        (0, Kind.SIZE, "0 B"),
        (1023, Kind.SIZE, "1023 B"),
        (1024, Kind.SIZE, "1.00 KiB"),
        (1000 * 1024, Kind.SIZE, "1000 KiB"),
        (2**20 - 1, Kind.SIZE, "1.00 MiB"),
        (67108864, Kind.SIZE, "64.0 MiB"),
        (2**40, Kind.SIZE, "1024 GiB"),
        (50_000, Kind.COUNT, "50,000"),
        (0.03, Kind.FRACTION, "3 %"),
        (0.95, Kind.SCORE, "0.95"),
        (-0.0, Kind.SCORE, "0"),
        (-1234.5, Kind.SCORE, "-1234.5"),
    ],
)
def test_numbers_are_written_with_their_unit(value, kind, text):
    assert format_value(value, kind) == text


@pytest.mark.parametrize(
    ("observed", "reference", "kind", "points", "text"),
    [
        # Equal, also but for the rounding of a quotient.
        (0.95, 0.95, Kind.SCORE, True, "+0 pp"),
        (0.1 + 0.2, 0.3, Kind.SCORE, True, "+0 pp"),
        (3.2, 3.2, Kind.SCORE, False, "+0"),
        (0.3, 0.1 + 0.2, Kind.SCORE, False, "+0"),
        (7, 7, Kind.COUNT, False, "+0 %"),
        (0, 0, Kind.SIZE, False, "+0 B"),
        # Points only for a score that lies within 0 to 1 by definition: an error of 0.3 does not.
        (0.948, 0.95, Kind.SCORE, True, "-0.2 pp"),
        (1.0, 0.0, Kind.SCORE, True, "+100 pp"),
        (0.0, 1.0, Kind.SCORE, True, "-100 pp"),
        (0.31, 0.3, Kind.SCORE, False, "+0.01"),
        (-1.5, -1.25, Kind.SCORE, False, "-0.25"),
        (0.5, 0.0, Kind.SCORE, False, "+0.5"),
        # From nothing.
        (512, 0, Kind.SIZE, False, "+512 B"),
        (64 * 2**20, 0, Kind.SIZE, False, "+64.0 MiB"),
        (50_000, 0, Kind.COUNT, False, "+50,000"),
        (0.002, 0.0, Kind.TIME, False, "+2.00 ms"),
        # To nothing.
        (0, 512, Kind.SIZE, False, "-100 %"),
        # Small, large and very large, both ways.
        (50_000_001, 50_000_000, Kind.COUNT, False, "+2e-06 %"),
        (0.00103, 0.001, Kind.TIME, False, "+3 %"),
        (0.00097, 0.001, Kind.TIME, False, "-3 %"),
        (299, 100, Kind.COUNT, False, "+199 %"),
        (300, 100, Kind.COUNT, False, "3 x more"),
        (100, 299, Kind.COUNT, False, "-66.6 %"),
        (100, 300, Kind.COUNT, False, "3 x fewer"),
        (9_996, 100, Kind.COUNT, False, "100 x more"),
        (123_456, 100, Kind.COUNT, False, "1,235 x more"),
        (123_456_700, 100, Kind.COUNT, False, "1,234,567 x more"),
        (1, 10_000, Kind.COUNT, False, "10,000 x fewer"),
        (1, 1000, Kind.SIZE, False, "1,000 x smaller"),
        (4.5, 1, Kind.TIME, False, "4.5 x longer"),
        (1, 29.6, "J", False, "29.6 x less"),
    ],
)
def test_changes_are_readable_at_the_edges(observed, reference, kind, points, text):
    assert format_change(observed, reference, kind, points=points) == text


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_change_never_hides_its_direction(observed, reference):
    text = format_change(observed, reference, Kind.SIZE, points=False)
    if " x " in text:
        ratio, _, word = text.partition(" x ")
        assert float(ratio.replace(",", "")) >= 3
        assert word == ("larger" if observed > reference else "smaller")
    else:
        change = float(text.removesuffix(" %"))
        assert (change > 0, change < 0) == (observed > reference, observed < reference)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (999.5, Kind.RATE, "1000 /s"),
        (12.34, Kind.RATE, "12.3 /s"),
        (2.5, "J", "2.5 J"),
        (-0.0, "", "0"),
        (0.9995, Kind.TIME, "1.00 s"),
        (0.9995 * 1024, Kind.SIZE, "1.00 KiB"),
    ],
)
def test_a_number_is_written_in_its_unit(value, kind, text):
    assert format_value(value, kind) == text


@pytest.mark.parametrize(
    ("observed", "reference", "kind", "text"),
    [
        (0.5 + 4e-13, 0.5, Kind.SCORE, "+0 pp"),
        (100.0, 1.0, Kind.COUNT, "100 x more"),
        (100.6, 1.0, Kind.COUNT, "101 x more"),
        (-5.0, -3.0, "J", "-2 J"),
        (3.0, -3.0, "J", "+6 J"),
        (-3.0, 3.0, "J", "-6 J"),
    ],
)
def test_a_change_is_a_ratio_only_between_amounts_above_nothing(observed, reference, kind, text):
    assert format_change(observed, reference, kind, points=True) == text


@pytest.mark.parametrize(
    ("value", "unit", "number"), [(3, "J", 3.0), ("3 J", "J", 3.0), (" -2.5J ", "J", -2.5), ("1e3", "", 1000.0)]
)
def test_the_unit_of_an_own_axis_may_be_left_out(value, unit, number):
    assert parse_in_unit(value, unit, "max_x") == number


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        ("3 kWh", "J", "max_x = '3 kWh' must be a number in J."),
        ("J 3", "J", "max_x = 'J 3' must be a number in J."),
        (True, "J", "max_x = True must be a number in J."),
        ("inf", "", "max_x = 'inf' must be a number."),
        ("many", "", "max_x = 'many' must be a number."),
    ],
)
def test_what_is_no_number_in_its_unit_is_refused(value, unit, said):
    with pytest.raises(ConfigError) as refused:
        parse_in_unit(value, unit, "max_x")
    assert str(refused.value) == said
