"""Ends the run with the published table, and this machine's below it."""

import pytest
from scale import table

PUBLISHED = (65.83, 170.16, 42.95)
"""Milliseconds an image."""
ROWS = pytest.StashKey()


def pytest_configure(config):
    config.stash[ROWS] = [(f"published: {milliseconds} ms", milliseconds, None) for milliseconds in PUBLISHED]


@pytest.fixture
def remember(request):
    """Takes a model's verdict into the table."""

    def take(name, verdict):
        seen = {(row.metric, row.statistic): row.observed for row in verdict.observations}
        milliseconds = round(1000 * seen["latency", "median"], 2)
        request.config.stash[ROWS].append((name, milliseconds, seen["confidence", ""]))

    return take


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("milliseconds at scale")
    for line in table(config.stash[ROWS]):
        terminalreporter.line(line)
