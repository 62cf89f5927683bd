"""``[tool.speedacc.live]``: how the base revision is run beside the candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.config.settings import one_of, parse_positive, suggestion
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.stats.sequence import FEWEST_LAUNCHES

WHERE = "[tool.speedacc.live]"


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What holds for every live run of a project."""

    share: tuple[str, ...] = ()
    """Untracked files and folders, such as ``["data"]``, that the base needs too: they are linked into its tree."""
    setup: str | None = None
    """A shell command, such as ``"make model"``, to run in the base's tree first."""
    launches: int = 24
    """At most so many launches for a gate, and at least 4."""
    budget: float = 900.0
    """At most so many seconds for the whole run, the launch under way not counted."""
    timeout: float = 120.0
    """Seconds that a worker may be silent, and that ``setup`` may take."""
    threads: Literal["one", "all"] = "one"
    """``"one"`` thread on one core, which resolves most, or ``"all"``, as you configured."""
    allow_slow_setup: bool = False
    """Whether fixtures may take over ten seconds, which every launch pays again."""
    removed: Literal["warn", "fail"] = "fail"
    """What a gate does that the base or a baseline has and this checkout lost: ``"warn"`` or ``"fail"``."""
    environment: str | None = None
    """The base's packages where its dependency files are others: ``"auto"`` has uv install them, which is the default
    where CI is set; ``"same"`` takes this side's; any other text is a command that makes an environment of them."""
    loosened: Literal["warn", "fail"] = "warn"
    """What a limit, a tolerance or a switch does that allows what the base does not: ``"warn"`` or ``"fail"``."""


def parse_live(section: object) -> LiveSettings:
    """Read the table. Raises ConfigError for unknown keys and wrong values."""
    if not isinstance(section, Mapping):
        raise ConfigError(f"{WHERE} must be a table, not {section!r}.")
    names = [field.name for field in fields(LiveSettings)]
    values: dict[str, Any] = {}
    for key, value in section.items():
        where = f"{WHERE} {key}"
        match key:
            case "share":
                values[key] = _texts(value, where)
            case "setup" | "environment":
                values[key] = _text(value, where)
            case "launches":
                values[key] = _launches(value, where)
            case "budget" | "timeout":
                values[key] = parse_positive(value, Kind.TIME, where)
            case "threads":
                values[key] = one_of(value, ("one", "all"), where)
            case "removed" | "loosened":
                values[key] = one_of(value, ("warn", "fail"), where)
            case "allow_slow_setup":
                if not isinstance(value, bool):
                    raise ConfigError(f"{where} must be true or false, not {value!r}.")
                values[key] = value
            case _:
                raise ConfigError(f"{WHERE}: unknown key {key!r}. {suggestion(key, names)}")
    return LiveSettings(**values)


def _launches(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < FEWEST_LAUNCHES:
        raise ConfigError(
            f"{where} = {value!r} must be a whole number from {FEWEST_LAUNCHES}: fewer launches can decide nothing."
        )
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where} must be a text, not {value!r}.")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list of paths, not {value!r}.")
    return tuple(_text(entry, where) for entry in value)
