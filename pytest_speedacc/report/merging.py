"""Several runs told as one: those of a matrix, or the shards of a suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import Group
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.summary import BaseLine, RunReport

NAMED = 8
"""Missing shards that are named one by one."""


def merge(runs: Mapping[str, RunReport]) -> RunReport:
    """One run of all, each under its label: the worst decides. One alone is left as it is.

    A gate that several have keeps the label beside its name, and groups are compared within a run only: another run
    may be of another machine. Shards are one run, which fails where one is missing. Raises ConfigError for
    runs that were compared with different commits, and for shards that are not of one suite.
    """
    missing = _missing_shards(runs)
    if len(runs) == 1:
        alone = next(iter(runs.values()))
        return replace(alone, problems=(*alone.problems, *missing)) if missing else alone
    count = Counter((verdict.test, verdict.name) for run in runs.values() for verdict in run.verdicts)

    def named(verdict: Verdict, label: str) -> Verdict:
        if verdict.group:
            verdict = replace(verdict, group=f"{verdict.group}, {label}")
        if count[verdict.test, verdict.name] == 1:
            return verdict
        return replace(verdict, name=f"{verdict.name}, {label}" if verdict.name else label)

    verdicts = [(label, each, named(each, label)) for label, run in runs.items() for each in run.verdicts]
    order = {test: place for place, test in enumerate(dict.fromkeys(each.test for _, each, _ in verdicts))}
    names = {(label, each.test, each.name): new for label, each, new in verdicts}
    titles = {(label, each.title): new.title for label, each, new in verdicts}
    commits = {run.commit for run in runs.values()}
    if any(run.shard for run in runs.values()):
        # It is one and the same, of which an update may have changed the files on one machine and not on another.
        commits = {max(commits, key=len)}
    return RunReport(
        commit=commits.pop() if len(commits) == 1 else "",
        verdicts=tuple(sorted((new for _, _, new in verdicts), key=lambda verdict: order[verdict.test])),
        environment={"description": "; ".join(_said(runs, lambda run: (run.measured_on,) if run.measured_on else ()))},
        groups=tuple(_group(group, label, titles) for label, run in runs.items() for group in run.groups),
        scale=next(iter(runs.values())).scale,
        base=_base(runs),
        new=_once(runs, lambda run: run.new),
        lost=_said(runs, lambda run: run.lost),
        removed=_once(runs, lambda run: run.removed),
        losses_fail=any(run.losses_fail for run in runs.values()),
        loosened=_said(runs, lambda run: run.loosened),
        loosened_fails=any(run.loosened_fails for run in runs.values()),
        changed=_said(runs, lambda run: run.changed),
        notes=_said(runs, lambda run: run.notes),
        past=tuple(
            replace(past, name=names[label, past.test, past.name].name)
            for label, run in runs.items()
            for past in run.past
            if (label, past.test, past.name) in names
        ),
        past_ends=" ".join(_said(runs, lambda run: (run.past_ends,) if run.past_ends else ())),
        remarks=_said(runs, _remarks),
        problems=(*_said(runs, _problems), *missing),
        fails=any(run.fails for run in runs.values()),
    )


def _said(runs: Mapping[str, RunReport], lines_of: Callable[[RunReport], tuple[str, ...]]) -> tuple[str, ...]:
    """What all say is said once, and anything else with the label of who says it."""
    said: dict[str, list[str]] = {}
    for label, run in runs.items():
        for line in dict.fromkeys(lines_of(run)):
            said.setdefault(line, []).append(label)
    return tuple(line if len(labels) == len(runs) else f"{', '.join(labels)}: {line}" for line, labels in said.items())


def _once(runs: Mapping[str, RunReport], names_of: Callable[[RunReport], tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for run in runs.values() for name in names_of(run)))


def _problems(run: RunReport) -> tuple[str, ...]:
    # Among other runs nobody would see that there is nothing of this one.
    return run.problems or (("no model gate was judged",) if run.judged_none else ())


def _remarks(run: RunReport) -> tuple[str, ...]:
    # Which part it was, nobody asks of the whole.
    return tuple(line for line in run.remarks if run.shard is None or line != run.shard.sentence)


def _group(group: Group, label: str, titles: Mapping[tuple[str, str], str]) -> Group:
    standings = tuple(
        replace(
            each,
            alternative=replace(each.alternative, title=titles[label, each.alternative.title]),
            dominated_by=tuple(titles[label, title] for title in each.dominated_by),
        )
        for each in group.standings
    )
    choices = {policy: titles.get((label, title), title) for policy, title in group.choices.items()}
    return Group(f"{group.name}, {label}", standings, choices)


def _base(runs: Mapping[str, RunReport]) -> BaseLine | None:
    """The base of all, with the launches and the time of all of them."""
    found = {label: run.base for label, run in runs.items() if run.base is not None}
    if not found:
        return None
    label, first = next(iter(found.items()))
    other = next((each for each, base in found.items() if base.sha != first.sha), None)
    if other is not None:
        raise ConfigError(
            f"{label} was compared with {first.sha[:12]}, and {other} with {found[other].sha[:12]}: merge the reports "
            "of one change."
        )
    canaries = (f"{label}: {line}" for label, base in found.items() for line in base.canary.splitlines())
    return replace(
        first,
        launches=sum(base.launches for base in found.values()),
        seconds=sum(base.seconds for base in found.values()),
        canary="\n".join(canaries),
    )


def _missing_shards(runs: Mapping[str, RunReport]) -> tuple[str, ...]:
    """What the reports lack of the suite that they are shards of, in a sentence; nothing where they are none."""
    label, shard = next(((label, run.shard) for label, run in runs.items() if run.shard), ("", None))
    if shard is None:
        return ()
    _refuse_other_suites(runs, label, shard)
    there = {run.shard.part for run in runs.values() if run.shard}
    missing = [part for part in range(1, shard.parts + 1) if part not in there]
    return (_missing_sentence(missing, shard.parts),) if missing else ()


def _refuse_other_suites(runs: Mapping[str, RunReport], label: str, shard: Shard) -> None:
    alone = "merge the shards of one run by themselves, and then what comes of it with others."
    commit, seen = runs[label].commit.partition("-")[0], {shard.part: label}
    for other, run in runs.items():
        if run.shard is None and run.problems and not run.verdicts:
            continue  # one that was refused knows of no tests, and says why itself
        if run.shard is None:
            raise ConfigError(
                f"{label} is {shard}, and {other} is of a run without --speedacc-shard, or was merged before: {alone}"
            )
        if run.shard.parts != shard.parts:
            raise ConfigError(f"{label} is {shard}, and {other} is {run.shard}: {alone}")
        if (own := run.commit.partition("-")[0]) != commit:
            first, second = (sha[:12] or "a commit that nobody knows" for sha in (commit, own))
            raise ConfigError(f"{label} is of {first}, and {other} of {second}: merge the shards of one commit.")
        if (run.shard.suite, run.shard.all_gates) != (shard.suite, shard.all_gates):
            raise ConfigError(
                f"{label} and {other} did not collect the same tests ({shard.all_gates} and {run.shard.all_gates} "
                "gates), so some may have run in neither: look at their logs for files that one could not collect, and "
                "give every shard the same packages, the same options, and tests whose names depend on no machine."
            )
        if (twin := seen.setdefault(run.shard.part, other)) != other:
            raise ConfigError(
                f"{twin} and {other} are both {run.shard}: give each machine a part of its own, and leave out what an "
                "earlier try reported."
            )
    _refuse_uncompared(runs)


def _refuse_uncompared(runs: Mapping[str, RunReport]) -> None:
    """A shard that was held against no base shows of no gate that it is not slower."""
    # One that came to nothing says so itself.
    bases = {label: run.base for label, run in runs.items() if not (run.problems or run.judged_none)}
    alone = next((label for label, base in bases.items() if base is None), None)
    compared = next(((label, base) for label, base in bases.items() if base is not None), None)
    if alone is not None and compared is not None:
        label, base = compared
        raise ConfigError(
            f"{label} was compared with {base.sha[:12]}, and {alone} with no base: give every shard the same "
            "--speedacc-against."
        )


def _missing_sentence(missing: Sequence[int], parts: int) -> str:
    more = [f"{len(missing) - NAMED} more"] if len(missing) > NAMED else []
    *first, last = [*map(str, missing[:NAMED]), *more]
    which, verb = (f"shards {', '.join(first)} and {last}", "are") if first else (f"shard {last}", "is")
    return (
        f"The report of {which} of {parts} {verb} missing, so nobody knows what became of those gates: look at why "
        "that job ended without one, and run it again."
    )
