"""What holds for one gate: marker beats test pattern beats policy beats ``[tool.speedacc]``, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pytest_speedacc.config.builtin import BUILT_IN
from pytest_speedacc.config.project import AccuracyRule, Project, Table, built_in, parse_table
from pytest_speedacc.config.settings import Bound, parse_bound, suggestion
from pytest_speedacc.config.trades import Trade, check_applies
from pytest_speedacc.errors import ConfigError, shown

LIVE_TOLERANCE = "3 %"
"""What a latency may lose against the base where nobody says otherwise."""
DEFAULT_BUDGET = 10.0
"""Seconds of timing for a gate; most are decided long before."""

NO_GATE_WITH_LIMITS = "marker: gate=False says that the test is no gate, and {name}= is for one: keep one of the two."


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits, tolerances and rules of one gate, after precedence."""

    bounds: tuple[Bound, ...]
    """Every limit and tolerance, each at most once."""
    accuracy_rule: AccuracyRule
    """``exact``, ``evidence`` or ``noninferior``."""
    budget: float
    """Seconds of timing."""
    slices: Mapping[str, tuple[Bound, ...]] = field(default_factory=dict)
    """What holds for a slice of the evaluation set in the place of ``bounds``, by its name."""
    trades: tuple[Trade, ...] = ()
    """What may be given for what."""
    group: str = ""
    """The job that this model is one of several for; empty for none."""
    exact_gains: bool = False
    """Whether ``accuracy_rule = "exact"`` is written down: a trade then takes a gain of score as it is measured."""

    def bounds_of(self, name: str) -> tuple[Bound, ...]:
        """What holds for the slice ``name``: its own limits and tolerances, and all others that a slice can have."""
        own = {bound.setting.name: bound for bound in self.slices.get(name, ())}
        shared = {bound.setting.name: bound for bound in self.bounds if bound.setting.is_sliced}
        return tuple({**shared, **own}.values())

    def limits(self, metric: str) -> bool:
        """Whether anything bounds this axis, of all samples or of a slice."""
        every = (self.bounds, *self.slices.values())
        return any(bound.setting.metric == metric for bounds in every for bound in bounds)

    def concerns(self, metric: str) -> bool:
        """Whether anything bounds or trades this axis."""
        terms = [term for trade in self.trades for term in (*trade.give, *trade.gain)]
        return self.limits(metric) or any(term.setting.metric == metric for term in terms)

    @property
    def has_tolerance(self) -> bool:
        """Whether anything is held against what it was."""
        every = (self.bounds, *self.slices.values())
        return any(bound.setting.is_tolerance for bounds in every for bound in bounds)

    @property
    def bounds_calls(self) -> bool:
        """Whether anything is asked of what single calls take, in time or memory."""
        traded = (term.setting for trade in self.trades for term in (*trade.give, *trade.gain))
        return any(each.is_noisy or each.metric == "memory" for each in (*(b.setting for b in self.bounds), *traded))

    @property
    def noisy_checks(self) -> int:
        """How many checks rest on a statistical test; the suite's false alarm rate is shared among them."""
        return sum(bound.setting.is_noisy for bound in self.bounds)


def parse_marker(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Table:
    """Read ``@pytest.mark.speedacc(...)``. Raises ConfigError."""
    if arguments:
        raise ConfigError(
            f'@pytest.mark.speedacc takes keywords only, such as max_latency="5 ms", not {shown(arguments[0])}.'
        )
    rest = {name: value for name, value in keywords.items() if name != "gate"}
    gate = keywords.get("gate", True)
    if not isinstance(gate, bool):
        raise ConfigError(f"marker: gate = {shown(gate)} must be True or False.")
    if not gate and rest:
        raise ConfigError(NO_GATE_WITH_LIMITS.format(name=next(iter(rest))))
    return parse_table(rest, "marker", known=("gate",))


def join(*tables: Table) -> Table:
    """Lay tables over each other, key by key; a later one beats an earlier one."""
    joined = Table()
    for table in tables:
        joined = Table(
            bounds={**joined.bounds, **table.bounds},
            accuracy_rule=table.accuracy_rule or joined.accuracy_rule,
            budget=table.budget or joined.budget,
            policy=table.policy or joined.policy,
            group=table.group or joined.group,
            trades=joined.trades if table.trades is None else table.trades,
            slices={
                name: {**joined.slices.get(name, {}), **table.slices.get(name, {})}
                for name in (*joined.slices, *table.slices)
            },
        )
    return joined


def resolve(project: Project, test: str, marker: Table, *, budget: float | None = None) -> Policy:
    """Join the tables that hold for ``test``, a node id; ``budget`` in seconds comes from the command line.

    Raises ConfigError for a policy that is not defined.
    """
    patterns = [table for pattern, table in project.tests if matches(pattern, project.named(test))]
    layers = [*patterns, marker]
    if name := join(project.defaults, *layers).policy:
        if name not in project.policies and name not in BUILT_IN:
            hint = suggestion(name, {**project.policies, **BUILT_IN})
            raise ConfigError(f"the policy {name!r} is not defined in [tool.speedacc.policies]. {hint}")
        layers = [*_with_extended(project, name), *layers]
    joined = join(project.defaults, *layers)
    check_applies(joined.trades or (), tuple(joined.bounds.values()))
    return Policy(
        bounds=tuple(joined.bounds.values()),
        accuracy_rule=joined.accuracy_rule or "exact",
        budget=budget or joined.budget or DEFAULT_BUDGET,
        slices={name: tuple(bounds.values()) for name, bounds in joined.slices.items()},
        trades=joined.trades or (),
        group=joined.group or "",
        exact_gains=joined.accuracy_rule == "exact",
    )


def _with_extended(project: Project, name: str) -> list[Table]:
    """The policy after those that it extends, so that it beats them."""
    table = project.policies[name] if name in project.policies else built_in(name)
    if table.extends is None:
        return [table]
    if table.extends == name:
        return [built_in(name), table]
    return [*_with_extended(project, table.extends), table]


def named_policies(project: Project) -> dict[str, Policy]:
    """Every policy with a name, the built-in ones included, as it would hold for a gate that says nothing itself."""
    found = {}
    for name in (*project.policies, *BUILT_IN):
        joined = join(project.defaults, *_with_extended(project, name))
        own = Policy(tuple(joined.bounds.values()), "exact", DEFAULT_BUDGET, trades=joined.trades or ())
        found[name] = with_live_default(own)
    return found


def with_live_default(policy: Policy) -> Policy:
    """The policy for a live run, in which a latency is always compared: by the usual tolerance where none is set."""
    if any(bound.setting.is_noisy and bound.setting.is_tolerance for bound in policy.bounds):
        return policy
    usual = parse_bound("max_latency_increase", LIVE_TOLERANCE, "the default of a live run")
    return replace(policy, bounds=(*policy.bounds, usual))


def matches(pattern: str, test: str) -> bool:
    """Match a node id against a pattern of ``*`` and ``?``; brackets stand for themselves."""
    return fnmatchcase(test, pattern.replace("[", "[[]"))
