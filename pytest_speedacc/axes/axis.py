"""What an axis is: its unit, its settings, and how a model is measured, remembered and traded by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from pytest_speedacc.axes.units import EXAMPLES, Kind
from pytest_speedacc.errors import ConfigError, briefly
from pytest_speedacc.facts import Amount, Unavailable

if TYPE_CHECKING:
    from pytest_speedacc.baseline import Baseline
    from pytest_speedacc.baseline.schema import EnvironmentRecord
    from pytest_speedacc.measure.measurement import Statics

NOT_MEASURED = "nothing measured {name}: pass check(metrics={{{name!r}: ...}}), or give the axis measure="
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Role(StrEnum):
    """What a setting bounds: the value itself, or its worsening or change against the baseline."""

    MINIMUM = "at least"
    MAXIMUM = "at most"
    WORSENING = "worse by at most"
    CHANGE = "changed in at most"


class Comparison(Enum):
    """Which rule holds an axis against its bounds."""

    SCORE = "score"
    """By the samples that were won and lost."""
    CONFIDENCE = "confidence"
    CHURN = "churn"
    LATENCY = "latency"
    """By the statistics of many calls, or of launches beside a base."""
    ONE_TIMING = "one timing"
    AMOUNT = "amount"
    """A number, up to the band within which it moves by itself."""


_COMPARED: Mapping[Comparison, frozenset[Role]] = {
    Comparison.SCORE: frozenset({Role.MINIMUM, Role.MAXIMUM, Role.WORSENING}),
    Comparison.CONFIDENCE: frozenset({Role.MINIMUM}),
    Comparison.CHURN: frozenset({Role.CHANGE}),
    Comparison.LATENCY: frozenset({Role.MAXIMUM, Role.WORSENING}),
    Comparison.ONE_TIMING: frozenset({Role.MAXIMUM}),
    Comparison.AMOUNT: frozenset({Role.MINIMUM, Role.MAXIMUM, Role.WORSENING}),
}
"""The roles that a rule compares."""
_COMPARED_QUANTILES = (0.5, 0.95)
"""Of a latency beside a base: a launch tells no other."""
_RESERVED = (Kind.SCORE, Kind.FRACTION, Kind.CHANGE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One limit or tolerance that a user can write. What its axis says is filled in by the axis."""

    name: str
    """The keyword of the marker and the key in pyproject."""
    role: Role
    """Whether it bounds the value or its worsening."""
    help: str
    """One line for people."""
    example: str
    """A value as a user would write it."""
    quantile: float | None = None
    """For a latency, the quantile; None elsewhere."""
    metric: str = ""
    """The axis it bounds."""
    kind: str = ""
    """What the axis is measured in."""
    is_sliced: bool = False
    """Whether a slice of the evaluation set has a value of its own."""
    is_noisy: bool = False
    """Whether the verdict rests on a statistical test of times."""
    higher_is_better: bool = False
    """The direction of the axis. That of a score is the score's own."""
    by_yardstick: bool = False
    """Whether it is a time's tolerance that a baseline alone can be held against, by stored multiples of the
    yardstick."""

    @property
    def statistic(self) -> str:
        """``median`` or ``p95`` for a latency, empty elsewhere."""
        return statistic_name(self.quantile) if self.quantile is not None else ""

    @property
    def is_tolerance(self) -> bool:
        """True for a bound on the change against a baseline."""
        return self.role in (Role.WORSENING, Role.CHANGE)


def statistic_name(quantile: float) -> str:
    """``0.5`` is the ``median``, ``0.95`` is ``p95``."""
    return "median" if quantile == 0.5 else f"p{quantile * 100:g}"


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that a model is measured in and held to.

    ``Axis("energy", "J", measure=joules)`` is all that an axis of your own needs: ``joules(model, inputs)`` returns a
    number, one number a sample (the axis is then their mean, and slices have their own), or None for a model that it
    is not for. Its settings are then ``max_energy`` and ``max_energy_increase``; ``min_...`` and ``max_..._drop``
    where higher is better. Raises ConfigError for a setting that nothing would compare.
    """

    name: str
    """In small letters, such as ``energy``."""
    unit: str = ""
    """What its numbers are in: ``s`` and ``bytes`` are shown and read with all their units, any other as it is."""
    better: Literal["lower", "higher"] = "lower"
    """Which of two values is."""
    measure: Callable[[Any, Any], Any] | None = None
    """Called with the model and the inputs of the check; None where ``check(metrics=)`` brings the number."""
    per_environment: bool = True
    """Whether its values hold for the machine that they were measured on only."""
    noise: float = 0.0
    """The fraction by which it moves with nothing changed: a bound missed by no more is inconclusive."""
    settings: tuple[Setting, ...] = ()
    """Its limits and tolerances; empty for the usual two."""
    compared: Comparison = Comparison.AMOUNT
    """The rule that holds its values against its bounds."""
    is_sliced: bool = False
    """Whether it is a mean over samples."""
    per_call: bool = False
    """Whether its values depend on the number of samples in a call."""
    per_versions: bool = False
    """Whether its values hold on every machine with the same minor version of Python and the same libraries, and on no
    other: a baseline keeps them with each environment, whose libraries it knows."""
    is_optional: bool = False
    """Whether it is left out of what is shown where there is nothing to measure."""
    found: Callable[[Statics], Amount | Unavailable] | None = field(default=None, repr=False)
    """Reads it in what was measured; None for ``measure`` and ``check(metrics=)``."""
    former: Callable[[Baseline, EnvironmentRecord | None], Amount | None] | None = field(default=None, repr=False)
    """Reads it in a baseline and in the record of this environment; None for where such axes are kept."""
    traded: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What a trade calls it, and the tolerance that the trade excuses; empty for its name and its only tolerance."""

    def __post_init__(self) -> None:
        """Fill in what follows. Raises ConfigError."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError(f"an axis is named in small letters, digits and underscores, not {briefly(self.name)}.")
        if self.better not in ("lower", "higher"):
            raise ConfigError(f"axis {self.name}: better={briefly(self.better)} must be 'lower' or 'higher'.")
        if not isinstance(self.unit, str):
            raise ConfigError(f"axis {self.name}: unit={briefly(self.unit)} must be a text, empty for none.")
        if self.unit in _RESERVED and self.is_own:
            raise ConfigError(f"axis {self.name}: the unit {self.unit!r} is for scores and changes: write another one.")
        if self.unit in set(Kind):
            object.__setattr__(self, "unit", Kind(self.unit))
        is_number = isinstance(self.noise, Real) and not isinstance(self.noise, bool)
        if not (is_number and 0 <= self.noise < 1):
            raise ConfigError(f"axis {self.name}: noise={briefly(self.noise)} must be a fraction, such as 0.02.")
        object.__setattr__(self, "noise", float(self.noise))
        if self.measure is not None and not callable(self.measure):
            said = f"measure={briefly(self.measure)} must be a function of the model and its inputs"
            raise ConfigError(f"axis {self.name}: {said}. A number goes into check(metrics=).")
        if not isinstance(self.per_environment, bool):
            raise ConfigError(
                f"axis {self.name}: per_environment={briefly(self.per_environment)} must be true or false."
            )
        settings = tuple(self._filled_in(setting) for setting in self.settings or self._usual_settings())
        object.__setattr__(self, "settings", settings)
        if not self.traded and self.compared is Comparison.AMOUNT:
            tolerance = next((setting.name for setting in settings if setting.role is Role.WORSENING), "")
            object.__setattr__(self, "traded", {self.name: tolerance} if tolerance else {})

    @property
    def higher_is_better(self) -> bool:
        """The direction."""
        return self.better == "higher"

    @property
    def title(self) -> str:
        """The name as it is printed."""
        return self.name.replace("_", " ")

    @property
    def is_own(self) -> bool:
        """Whether a user added it: it is measured by ``measure`` or brought by ``check(metrics=)``."""
        return self.found is None and self.compared is Comparison.AMOUNT

    @property
    def scale(self) -> str:
        """What one that a user added is measured in, and which way is better; empty for those of this package."""
        return f"{self.unit or 'no unit'}, {self.better} is better" if self.is_own else ""

    def found_in(self, statics: Statics) -> Amount | Unavailable:
        """What was measured of it."""
        if self.found is not None:
            return self.found(statics)
        found = statics.metrics.get(self.name, Unavailable(NOT_MEASURED.format(name=self.name)))
        return replace(found, scale=self.scale) if isinstance(found, Amount) else found

    def other_scale(self, former: Amount) -> str:
        """Why ``former`` is not to be compared with today's; empty where it is, and where it is not known."""
        if former.scale in ("", self.scale):
            return ""
        return f"it was measured in other terms ({former.scale}) than now ({self.scale})"

    def former_in(self, baseline: Baseline, record: EnvironmentRecord | None) -> Amount | None:
        """What a baseline says of it; ``record`` is what it has of this environment."""
        if self.former is not None:
            return self.former(baseline, record)
        if not self.is_own:
            return None
        kept = (record.metrics if record else None) if self.per_environment else baseline.metrics
        stored = kept.get(self.name) if kept else None
        return Amount(stored.value, stored.band, slices=stored.slices, scale=stored.scale or "") if stored else None

    def _usual_settings(self) -> tuple[Setting, ...]:
        best, worst, change = ("min", "smallest", "drop") if self.higher_is_better else ("max", "largest", "increase")
        role = Role.MINIMUM if self.higher_is_better else Role.MAXIMUM
        example = EXAMPLES.get(self.unit, "5")
        return (
            Setting(f"{best}_{self.name}", role, f"{worst} {self.title}", example),
            Setting(f"max_{self.name}_{change}", Role.WORSENING, f"how much worse {self.title} may get", '"5 %"'),
        )

    def _filled_in(self, setting: Setting) -> Setting:
        is_noisy = self.compared is Comparison.LATENCY
        if setting.role not in _COMPARED[self.compared]:
            raise ConfigError(f"axis {self.name}: nothing compares {setting.name}, a bound {setting.role.value!r}.")
        if is_noisy is (setting.quantile is None):
            raise ConfigError(f"axis {self.name}: {setting.name} has a quantile only where the axis is a latency.")
        if is_noisy and setting.is_tolerance and setting.quantile not in _COMPARED_QUANTILES:
            raise ConfigError(f"axis {self.name}: nothing compares {setting.statistic}, as {setting.name} asks for.")
        return replace(
            setting,
            metric=self.name,
            kind=self.unit,
            is_sliced=self.is_sliced or self.is_own,
            is_noisy=is_noisy,
            higher_is_better=self.higher_is_better,
        )
