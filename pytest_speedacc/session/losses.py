"""Gates that the base has and this checkout does not, each of them one loss: with the baselines that it left, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_speedacc.session.both_sides import Against
from pytest_speedacc.session.orphans import PRUNE, Lost, Orphan

Left = Mapping[str, Sequence[Orphan]]
"""What was lost and left its baselines, with those."""


def left_behind(removed: Sequence[str], lost: Iterable[Lost], named: Callable[[str], str]) -> tuple[Left, list[Lost]]:
    """Sort what the baselines call ``lost`` into that which the base has as well, under its name there, and the rest.

    ``named`` turns a node id into the name that baselines are filed under.
    """
    of_base = {named(test): test for test in removed}
    left: dict[str, list[Orphan]] = {}
    rest: list[Lost] = []
    for each in lost:
        if isinstance(each, Orphan) and (test := _of_base(each, of_base)):
            left.setdefault(test, []).append(each)
        else:
            rest.append(each)
    return left, rest


def check_label(test: str, name: str) -> str:
    """What a check that is gone is called where its gate is still there."""
    return f"{test} ({name or 'without a name'})"


def _of_base(orphan: Orphan, of_base: Mapping[str, str]) -> str | None:
    return of_base.get(orphan.test) or of_base.get(check_label(orphan.test, orphan.name))


def lost_sentences(against: Against, removed: Sequence[str], left: Left) -> list[str]:
    """Of every gate that is gone, what it is called here, where it is, and what that does to the run."""
    lines = []
    how = against.settings.removed
    verb = "which fails this run" if how == "fail" else "as a warning"
    for test in removed:
        what = f"Lost gate: {test} is in the base and not here"
        if new := against.renamed.get(test):
            what = f"Renamed gate: {test} of the base is {new} here, and the two were not compared"
        here, todo = _about(left.get(test, ()), how)
        lines.append(f'{what}{here}, {verb} (removed = "{how}"){todo}.')
    return lines


def _about(orphans: Sequence[Orphan], how: str) -> tuple[str, str]:
    """What is said of the baselines that a gate left, and what is to be done, in order."""
    if not orphans:
        return "", ""
    is_one = len(orphans) == 1
    shown = " and ".join(each.shown for each in orphans)
    here = f", and its {f'baseline {shown} is' if is_one else f'baselines {shown} are'} left"
    new = next((each.renamed for each in orphans if each.renamed), "")
    first = f"run --speedacc-missing for {new}, which has its content, and" if new else "restore the gate, or"
    merged = ', once a change that sets removed = "warn" is merged,' if how == "fail" else ""
    return here, f": {first}{merged} remove {'it' if is_one else 'them'} with {PRUNE}, which a reviewer sees"
