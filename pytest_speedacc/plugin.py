"""The doors to pytest: options, marker, fixture and hooks. What lies behind them is imported when a gate runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_speedacc.config.pyproject import find_section
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.marks import SESSION, is_gate, is_ungated
from pytest_speedacc.measure import clocks  # noqa: F401 - before user code can set them
from pytest_speedacc.session.misspelt import misspelt_mark
from pytest_speedacc.session.refused import refusing

if TYPE_CHECKING:
    from pytest_speedacc.fixture import Speedacc
    from pytest_speedacc.live.workers.worker_fixture import WorkerGate
    from pytest_speedacc.live.workers.worker_plugin import WorkerPlugin
    from pytest_speedacc.session.gate_test import NoGate
    from pytest_speedacc.session.session import Session

PREFIX = "--speedacc-"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("speedacc", "performance regression gates for models (pytest-speedacc)")
    flag, value = {"action": "store_true"}, {"metavar": "TEXT"}
    group.addoption(
        f"{PREFIX}update",
        **flag,
        help="Write the baseline of every gate that holds its limits; with --speedacc-against, accept what is slower.",
    )
    group.addoption(
        f"{PREFIX}missing", **flag, help="Write baselines only for gates that have none, and judge the others."
    )
    group.addoption(f"{PREFIX}reason", **value, help="Why the baselines change; recorded in them.")
    group.addoption(
        f"{PREFIX}against",
        metavar="REF",
        help="Compare with this revision, run beside the candidate: a branch stands for its merge base with HEAD, and "
        "auto for what was there before (the pull request's base, the push's, or where this branch left), and baseline "
        "for the commit that last changed the baselines.",
    )
    group.addoption(
        f"{PREFIX}base-python", metavar="PATH", help="The interpreter that runs the base. Default: this one."
    )
    group.addoption(
        f"{PREFIX}selfcheck",
        **flag,
        help="Run none of your tests; show in a minute whether this machine tells known faults from no change.",
    )
    group.addoption(
        f"{PREFIX}shard",
        metavar="K/N",
        help="Run the K-th of N parts of the suite, for one of N machines: each test runs on one of them.",
    )
    group.addoption(
        f"{PREFIX}report",
        metavar="PATH",
        action="append",
        default=[],
        help="Write the verdicts to PATH (.json), their summary (.md), a page (.html), or a plot of them (.svg, .png, "
        ".pdf). May be given several times.",
    )
    group.addoption(
        f"{PREFIX}profile",
        metavar="FOLDER",
        nargs="?",
        const="speedacc-profiles",
        help="Profile every gate, also those that pass, and write pstats and callgrind files to FOLDER.",
    )
    group.addoption(
        f"{PREFIX}budget", metavar="SECONDS", help="Timing budget of a gate in seconds. Default: 10; most need less."
    )
    group.addoption(
        f"{PREFIX}inconclusive",
        choices=("warn", "fail"),
        help="What a check does that this machine cannot decide. Default: warn.",
    )
    group.addoption(
        f"{PREFIX}not-compared",
        choices=("warn", "fail"),
        help="What a tolerance does that has nothing to be compared with. Default: warn, and fail where CI is set.",
    )
    group.addoption(
        f"{PREFIX}skipped",
        choices=("warn", "fail"),
        help="What a gate does that has a baseline and is skipped. Default: warn, and fail where CI is set.",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_speedacc import hooks

    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    with refusing(config):
        _extend(config)
    config.addinivalue_line("markers", _marker_help(config))
    if _is_concerned(config):
        with refusing(config):
            _session(config)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if _is_concerned(config):
        from pytest_speedacc.session.hidden_options import hidden_options, refuse_in_ci

        # Before pytest's own options that run no test: no session sees a run of theirs.
        with refusing(config):
            refuse_in_ci(hidden_options(config))
    if not config.option.speedacc_selfcheck:
        return None
    from pytest_speedacc.session.selfcheck import main

    return main(config.option)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # A conftest further down may have added axes since.
    with refusing(config):
        _extend(config)
    # Before anything is deselected, and before pytest-benchmark looks for its own fixture.
    if _concerns(config, items):
        from pytest_speedacc.session.extending import add_called

        with refusing(config):
            add_called(config, items)
            _session(config).collected(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    # After every hook of a conftest that adds a marker, which may make a gate of a test that was none.
    if _concerns(session.config, session.items):
        with refusing(session.config):
            _session(session.config).selected(session.items)


@pytest.fixture
def speedacc(request: pytest.FixtureRequest) -> Speedacc | NoGate | WorkerGate:
    """Judge a model: ``speedacc.check(model, inputs, targets)`` fails the test where a limit is violated.

    Limits and tolerances come from ``@pytest.mark.speedacc(...)`` and from ``[tool.speedacc]`` in pyproject.toml;
    ``pytest --markers`` lists them. ``speedacc.measure(model, inputs, targets)`` returns the same numbers for the
    test's own assertions. Score, prediction method, batch size and name of a check are keywords of both.
    """
    return _session(request.config).open_gate(request)


def _extend(config: pytest.Config) -> None:
    """Take what conftests and other plugins bring, where they bring anything."""
    if any(getattr(config.hook, name).get_hookimpls() for name in ("pytest_speedacc_axes", "pytest_speedacc_adapters")):
        from pytest_speedacc.session.extending import extend

        extend(config)


def _session(config: pytest.Config) -> Session | WorkerPlugin:
    """The state of this run, begun when the first thing concerns it: a run without gates imports nothing of ours."""
    if SESSION not in config.stash:
        from pytest_speedacc.session.session import Session

        config.stash[SESSION] = Session(config)
        config.pluginmanager.register(config.stash[SESSION], "speedacc-session")
    state: Session | WorkerPlugin = config.stash[SESSION]
    return state


def _concerns(config: pytest.Config, items: list[pytest.Item]) -> bool:
    """Whether the run has begun for us, or one of these tests has to do with us or was meant to."""
    begun = config.stash.get(SESSION, None) is not None or any(is_gate(item) or is_ungated(item) for item in items)
    return begun or bool(misspelt_mark(config, items))


def _is_concerned(config: pytest.Config) -> bool:
    options = vars(config.option)
    # An option that was given an empty text was given.
    given = (options[name] not in (None, False, []) for name in options if name.startswith("speedacc_"))
    if any(given) or options.get("dist", "no") != "no":
        return True
    if (config.rootpath / "speedacc-baselines").is_dir():
        return True  # they may have lost their gates
    try:
        return find_section(config.rootpath, config.invocation_params.dir, strict=False) is not None
    except ConfigError:
        return True  # the session says what is wrong


def _marker_help(config: pytest.Config) -> str:
    if not config.getoption("markers"):
        return "speedacc: the limits and tolerances of a model."
    from pytest_speedacc.axes import SETTINGS

    keywords = (f"    {each.name}={each.example}: {each.help}" for each in SETTINGS.values())
    return "\n".join(
        (
            "speedacc(policy=..., accuracy_rule=..., budget=..., max_latency=..., ...): the limits and",
            "tolerances of a model, judged by the speedacc fixture's check(). gate=False says that a test",
            "is none. Keywords:",
            *keywords,
        )
    )
