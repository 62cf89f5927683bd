"""The news of a run in one line: the heading of every report."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.judge.verdict import Check, Outcome, Verdict
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.summary import RunReport, row_of, short_title
from pytest_speedacc.report.text import axis

LONGEST_CODE = 200
"""Characters between backticks."""
LONGEST_NEWS = 300
"""Characters of a sentence in a headline."""


def headline(run: RunReport) -> str:
    """What failed the run: how many gates, the first of them with axis and amount; then what else is to be seen."""
    if run.of(Outcome.FAILED):
        news = _gates_news(run, Outcome.FAILED, "failed")
        return "; ".join([news, *_happened(run.lost, "gate", "lost")])
    if run.problems or run.judged_none:
        what = "No model gate was judged" if run.judged_none else "The run failed"
        what = ": ".join([what, *(first_sentence(problem) for problem in run.problems[:1])])
        return "; ".join([what, *_happened(run.lost, "gate", "lost")])
    beside = [*_happened(run.lost, "gate", "lost"), *_happened(run.loosened, "setting", "loosened here")]
    if run.outcome is Outcome.FAILED:
        return "; ".join([*beside, _of_gates(run)])
    return "; ".join([_of_gates(run), *beside])


def _happened(sentences: Sequence[str], what: str, verb: str) -> list[str]:
    was = "was" if len(sentences) == 1 else "were"
    return [f"{_counted(len(sentences), what)} {was} {verb}"] if sentences else []


def _of_gates(run: RunReport) -> str:
    """Of a run in which no gate failed."""
    for outcome, verb in ((Outcome.NOT_COMPARED, "could not be compared"), (Outcome.INCONCLUSIVE, "could not be told")):
        if run.of(outcome):
            return _gates_news(run, outcome, verb)
    if run.shard is not None and not run.verdicts:
        return first_sentence(run.shard.sentence)
    return f"{_counted(len(run.verdicts), 'model gate')} passed"


def first_sentence(text: str) -> str:
    """The news of a text of several."""
    return shortened(text.partition("\n")[0].partition(". ")[0].rstrip(".:"), LONGEST_NEWS)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _gates_news(run: RunReport, outcome: Outcome, verb: str) -> str:
    found = run.of(outcome)
    gates = _counted(len(run.verdicts), "model gate")
    more = f" and {len(found) - 2} more" if len(found) > 2 else ""
    return f"{len(found)} of {gates} {verb}: {', '.join(map(_gate_news, found[:2]))}{more}"


def _gate_news(verdict: Verdict) -> str:
    name = code(short_title(verdict))
    if not verdict.checks:
        return f"{name} could not be judged"
    worst = verdict.worst()[0]
    said = f"({axis(worst)})" if worst.outcome is Outcome.NOT_COMPARED else _said(worst, verdict)
    # A score and a slice have names of their own, which are no code.
    return " ".join((name, said.replace("`", "'")))


def code(words: str) -> str:
    """Foreign words between backticks, as they are but for what would end them there, or the cell of a table."""
    plain = shortened(printable(words), LONGEST_CODE).replace("`", "'").replace("|", "¦")
    return f"`{plain or ' '}`"


def _said(check: Check[str], verdict: Verdict) -> str:
    """What a check shows, as the end of a sentence about its gate."""
    where = f" in the slice {check.slice}" if check.slice else ""
    if check.observed is None:
        return f"has no {axis(check)}"
    if check.kind == Kind.CHANGE:
        pace = "slower" if check.observed > 0 else "faster"
        verb = "may be" if check.outcome is Outcome.INCONCLUSIVE else "is"
        return f"{verb} {abs(check.observed):.1%} {pace}".replace("%", " %") + where
    row = row_of(check, verdict)
    return f"has {axis(check)} {row.here} ({row.change or row.allowed})"
