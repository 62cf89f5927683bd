"""``[tool.speedacc]`` of pyproject.toml, read and checked once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.builtin import BUILT_IN
from pytest_speedacc.config.live_settings import LiveSettings, parse_live
from pytest_speedacc.config.pyproject import Section, find_section
from pytest_speedacc.config.scale import SCALE_KEYS, Scale, parse_scale
from pytest_speedacc.config.settings import (
    OWN_AXIS,
    Bound,
    is_slip,
    one_of,
    parse_bound,
    parse_positive,
    split_setting,
    suggestion,
)
from pytest_speedacc.config.trades import Trade, parse_trades
from pytest_speedacc.errors import ConfigError

AccuracyRule = Literal["exact", "evidence", "noninferior"]
Leniency = Literal["warn", "fail"]
Clock = Literal["wall", "cpu"]

DEFAULT_FOLDER = "speedacc-baselines"


@dataclass(frozen=True, slots=True)
class Table:
    """The settings of one table of pyproject or of one marker, before precedence."""

    bounds: Mapping[str, Bound] = field(default_factory=dict)
    """By name; ``max_latency_p50`` is found as ``max_latency``."""
    accuracy_rule: AccuracyRule | None = None
    """How an accuracy drop is judged; None when the table does not say."""
    budget: float | None = None
    """Seconds of timing for a gate; None when the table does not say."""
    policy: str | None = None
    """The policy it chooses; None when the table does not say."""
    slices: Mapping[str, Mapping[str, Bound]] = field(default_factory=dict)
    """What holds for a slice instead of what holds for all samples, by the slice's name and the bound's."""
    trades: tuple[Trade, ...] | None = None
    """What may be given for what; None when the table does not say."""
    group: str | None = None
    """The job that this model is one of several for; None when the table does not say."""
    extends: str | None = None
    """Of a policy, the one that holds where it says nothing itself."""


@dataclass(frozen=True, slots=True)
class Project:
    """All that pyproject says."""

    root: Path
    """The folder that relative paths start from."""
    baselines: Path
    """The folder of the baseline files."""
    inconclusive: Leniency | None = None
    """What an inconclusive check does; None leaves it to the default."""
    not_compared: Leniency | None = None
    """What a check with nothing to compare does; None leaves it to the default."""
    skipped: Leniency | None = None
    """What a gate does that has a baseline and is skipped; None leaves it to the default."""
    defaults: Table = field(default_factory=Table)
    """``[tool.speedacc]`` itself."""
    policies: Mapping[str, Table] = field(default_factory=dict)
    """``[tool.speedacc.policies.NAME]``; those that come with the plugin are found where these lack one."""
    live: LiveSettings = field(default_factory=LiveSettings)
    """``[tool.speedacc.live]``."""
    tests: tuple[tuple[str, Table], ...] = ()
    """``[tool.speedacc.tests."pattern"]`` in the order of the file."""
    scale: Scale = field(default_factory=Scale)
    """What a latency is translated into."""
    profile_clock: Clock = "wall"
    """Of profiles: ``wall``, or ``cpu`` to leave waiting out."""
    section: Section | None = field(default=None, compare=False)
    """Where all this was read; None where there was nothing to read."""
    rootdir: Path | None = field(default=None, compare=False)
    """Where node ids start from; None for ``root``."""

    def named(self, test: str) -> str:
        """A node id as it reads from ``root``: so patterns name it and baselines are filed, wherever node ids start."""
        if self.rootdir is None or self.rootdir == self.root:
            return test
        file, separator, rest = test.partition("::")
        return Path(os.path.relpath(self.rootdir / file, self.root)).as_posix() + separator + rest


def load_project(rootdir: Path, started: Path | None = None) -> Project:
    """What the nearest ``[tool.speedacc]`` upwards from ``rootdir`` says; without any, the defaults.

    ``rootdir`` is pytest's root directory, which a ``pytest.ini`` can put anywhere; where nothing is found from there,
    ``started``, the folder that pytest was started in, is where the search begins.

    Raises ConfigError for what cannot be read and for every unknown or wrong key.
    """
    section = find_section(rootdir, started or rootdir)
    if section is None:
        return parse_project({}, rootdir)
    return replace(parse_project(section.value, section.path.parent), section=section, rootdir=rootdir)


def find_baselines(started: Path) -> tuple[Path, Path]:
    """The root of the project of the folder ``started``, and the folder of its baselines.

    No other key is read: settings may name axes that only a run knows. Raises ConfigError.
    """
    section = find_section(started)
    if section is None:
        return started, started / DEFAULT_FOLDER
    root = section.path.parent
    return root, root / _folder(_table(section.value, "[tool.speedacc]"))


def parse_project(section: object, root: Path) -> Project:
    """Turn the value of ``tool.speedacc`` into a Project. Raises ConfigError."""
    where = "[tool.speedacc]"
    keys = dict(_table(section, where))
    folder = _folder(keys)
    keys.pop("baselines", None)
    policies = _table(keys.pop("policies", {}), "[tool.speedacc.policies]")
    tests = _table(keys.pop("tests", {}), "[tool.speedacc.tests]")
    outcomes = {
        key: one_of(keys.pop(key), get_args(Leniency), f"{where}: {key}")
        for key in ("inconclusive", "not_compared", "skipped")
        if key in keys
    }
    clock = one_of(keys.pop("profile_clock", "wall"), get_args(Clock), f"{where}: profile_clock")
    return Project(
        root=root,
        baselines=root / folder,
        live=parse_live(keys.pop("live", {})),
        profile_clock=clock,
        scale=parse_scale({key: keys.pop(key) for key in SCALE_KEYS if key in keys}, where),
        **outcomes,
        defaults=parse_table(keys, where, known=RUN_KEYS),
        policies=_policies(policies),
        tests=tuple(
            (pattern, parse_table(body, f'[tool.speedacc.tests."{pattern}"]')) for pattern, body in tests.items()
        ),
    )


def parse_table(section: object, where: str, *, known: tuple[str, ...] = ()) -> Table:
    """Read the limits, tolerances and rules of one table or marker.

    ``known`` are further keys, read elsewhere, that a misspelt one may have meant. Raises ConfigError.
    """
    bounds: dict[str, Bound] = {}
    rules: dict[str, Any] = {}
    try:
        repr(section)
    except Exception as error:  # of a value's own; every sentence about a wrong one shows it
        raise ConfigError(f"{where}: a value cannot be shown, its __repr__ raised {type(error).__name__}.") from error
    for key, value in _table(section, where).items():
        if key in SETTINGS:
            bound = parse_bound(key, value, where)
            other = bounds.setdefault("max_latency" if key == "max_latency_p50" else key, bound)
            if other is not bound:
                raise ConfigError(f"{where}: {other.setting.name} and {key} are the same limit: keep one.")
        elif key in RULES:
            rules[key] = RULES[key](value, f"{where}: {key}")
        elif key in RUN_KEYS:
            raise ConfigError(f"{where}: {key} holds for the whole run: move it to [tool.speedacc].")
        else:
            names = (*SETTINGS, *RULES, *known)
            raise ConfigError(f"{where}: unknown key {key!r}. {suggestion(key, names)}{_own_axis_hint(key)}")
    return Table(bounds, **rules)


def _own_axis_hint(key: str) -> str:
    """How an axis of a user's own becomes known; empty for what bounds none, and for a slip of a known one.

    The names of axes are compared: what stands around them makes all settings alike.
    """
    parts, known = split_setting(key), [parts[1] for parts in map(split_setting, SETTINGS) if parts]
    return f" {OWN_AXIS}" if parts and not is_slip(parts[1], known) else ""


def _slices(section: object, where: str) -> Mapping[str, Mapping[str, Bound]]:
    found = {}
    for name, body in _table(section, where).items():
        table = parse_table(body, f"{where}.{name}")
        if table != Table(bounds=table.bounds) or not all(bound.setting.is_sliced for bound in table.bounds.values()):
            known = ", ".join(setting.name for setting in SETTINGS.values() if setting.is_sliced)
            raise ConfigError(f"{where}.{name}: a slice of the samples can have {known}, and nothing else.")
        found[name] = table.bounds
    return found


def built_in(name: str) -> Table:
    """A policy that comes with the plugin, a key of BUILT_IN."""
    return _policy(BUILT_IN[name], f"the built-in policy {name!r}")


def _policies(section: Mapping[str, Any]) -> dict[str, Table]:
    tables = {name: _policy(body, f"[tool.speedacc.policies.{name}]") for name, body in section.items()}
    for name, table in tables.items():
        where, known = f"[tool.speedacc.policies.{name}]: extends", {**tables, **BUILT_IN}
        if table.extends is not None and table.extends not in known:
            raise ConfigError(f"{where} = {table.extends!r} is not defined. {suggestion(table.extends, known)}")
        seen, following = [name], table.extends
        # A policy may extend the built-in one of its own name, which extends nothing.
        while following in tables and not (following == seen[-1] and following in BUILT_IN):
            if following in seen:
                raise ConfigError(f"{where} leads back to {following!r}.")
            seen.append(following)
            following = tables[following].extends
    return tables


def _policy(section: object, where: str) -> Table:
    body = dict(_table(section, where))
    extends = _text(body.pop("extends"), f"{where}: extends") if "extends" in body else None
    table = replace(parse_table(body, where, known=("extends",)), extends=extends)
    if table.policy is not None:
        raise ConfigError(f"{where}: a policy cannot choose another policy: write its limits here.")
    return table


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a table, not {value!r}.")
    return value


def _folder(keys: Mapping[str, Any]) -> str:
    return _text(keys.get("baselines", DEFAULT_FOLDER), "[tool.speedacc]: baselines")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} = {value!r} must be a text that is not empty.")
    return value


RULES: Mapping[str, Callable[[object, str], Any]] = {
    "group": _text,
    "accuracy_rule": lambda value, where: one_of(value, get_args(AccuracyRule), where),
    "budget": lambda value, where: parse_positive(value, Kind.TIME, where),
    "policy": _text,
    "slices": _slices,
    "trades": parse_trades,
}
"""What else a table or marker can say, and how it is read."""
RUN_KEYS = (
    "baselines",
    "inconclusive",
    "live",
    "not_compared",
    "policies",
    "profile_clock",
    "skipped",
    "tests",
    *SCALE_KEYS,
)
"""What the table of the project alone can say."""
