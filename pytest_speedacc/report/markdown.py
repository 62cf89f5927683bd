"""The summary of a run as Markdown, for GitHub's job summary, a pull request, or a file."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.document import write_text
from pytest_speedacc.report.news import LONGEST_NEWS, code, headline
from pytest_speedacc.report.printable import printable, shortened
from pytest_speedacc.report.summary import (
    LOUD,
    WORDS,
    Row,
    RunReport,
    is_too_close,
    rows_of,
    sections_of,
    short_title,
    untold_of,
    what_helps,
    why_of,
)

SIGNS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.INCONCLUSIVE: "⚠️", Outcome.NOT_COMPARED: "🚫"}
LONGEST_CELL = 200
MOST_ROWS = 100
"""Of the table that stands first; more is never read, and a summary over the host's limit is dropped whole."""

_MARKUP = re.compile(r"([\\`*_\[\]|~])")
_LINKING = re.compile(r"([@#]|:(?=//)|\bwww(?=\.))")
"""What the host makes mentions, references and links of."""


Link = Callable[[Verdict], str]
"""Where the test of a gate is to be read; empty where nobody knows."""


def markdown(run: RunReport, *, most_bytes: int | None = None, link: Link = lambda verdict: "") -> str:
    """The run: what failed, what could not be told and what moved as a table, why, and the rest folded.

    Of a run that is green throughout, and in which nothing moved, there is the heading alone. Where all of it takes
    more than ``most_bytes`` of UTF-8, what is folded is left out, then whole gates from the end.
    """
    loud = list(_loud_parts(run, link))
    parts = [_head(run), *loud, *(_folded(run) if loud else ())]
    if run.remarks:
        parts.insert(1 + len(loud), "\n".join(f"- {_text(remark, 600)}" for remark in run.remarks))
    if most_bytes is None:
        return "\n\n".join(parts) + "\n"
    left_out = "\n\n_What is left out here stands in the report file._\n"
    kept: list[str] = []
    room = most_bytes - len(left_out.encode())
    for part in parts:
        room -= len(part.encode()) + 2
        if room < 0:
            return "\n\n".join(kept) + left_out
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def write_markdown(path: Path, run: RunReport) -> None:
    """Write the summary. Raises ConfigError when the file cannot be written."""
    write_text(path, markdown(run))


def _head(run: RunReport) -> str:
    sign = "❌" if run.failed else "✅" if run.is_plain else "⚠️"
    lines = [f"### {sign} {_prose(headline(run), LONGEST_NEWS)}"]
    if run.base:
        base = run.base
        launched = f" · {base.counted} in turn, {base.seconds:.0f} s" if base.launches else ""
        lines.append(
            f"Base {code(base.description.partition(' ')[0])} {_text(base.description.partition(' ')[2])} "
            f"({_text(base.how)}){_here(run)}{launched} · {_text(run.measured_on)}"
        )
    elif run.measured_on:
        lines.append(f"Measured on {_text(run.measured_on)}")
    return "\n".join(lines)


def _here(run: RunReport) -> str:
    return f" · here {code(run.here)}" if run.here else ""


def _loud_parts(run: RunReport, link: Link) -> Iterator[str]:
    if run.problems:
        yield "\n\n".join(_paragraphs(problem) for problem in run.problems[:MOST_ROWS])
    if table := _table(run, link):
        yield table
    for verdict in run.verdicts:
        if verdict.outcome in LOUD:
            if verdict.error:
                yield f"**{code(short_title(verdict))} could not be judged:** {_text(verdict.error, 1000)}"
            elif why := why_of(verdict):
                lines = "\n".join(f"- {_text(line)}" for line in why)
                yield f"**Why {code(short_title(verdict))}:**\n\n{lines}"
    if untold := list(untold_of(run)):
        lines = "\n".join(f"- {code(gates)} {_text(said, 600)}" for gates, said in untold[:MOST_ROWS])
        yield f"**Why it cannot be told:**\n\n{lines}"
        if is_too_close(run):
            yield f"**What helps:** {_text(what_helps(run), 600)}"
    for title, sentences in sections_of(run):
        yield f"**{title}:**\n\n" + "\n".join(f"- {_text(sentence, 600)}" for sentence in sentences[:MOST_ROWS])
    if commands := [verdict.accept for verdict in run.verdicts if verdict.accept]:
        yield "If it is meant:\n\n" + _block("\n".join(commands[:MOST_ROWS]))


def _table(run: RunReport, link: Link) -> str:
    """The rows that failed, could not be told, or moved; nothing where all passed and nothing moved."""
    found = []
    for outcome in (*LOUD, Outcome.PASSED):
        for verdict in run.of(outcome):
            found += [(verdict, row) for row in rows_of(verdict) if row.outcome in LOUD or row.has_moved]
    if not found:
        return ""
    lines = [f"| gate | axis | {_former(run)} | here | change | allowed | verdict |", "|---|---|--:|--:|--:|--:|---|"]
    previous = None
    for verdict, row in found[:MOST_ROWS]:
        gate = _linked(verdict, link) if verdict is not previous else ""
        lines.append(_line((gate, *_cells(row))))
        previous = verdict
    if len(found) > MOST_ROWS:
        lines.append(_line((f"and {len(found) - MOST_ROWS} more", "", "", "", "", "", "")))
    return "\n".join(lines)


def _linked(verdict: Verdict, link: Link) -> str:
    name, place = code(short_title(verdict)), link(verdict)
    return f"[{name}]({place})" if place else name


def _former(run: RunReport) -> str:
    """What the values are called that it was compared with."""
    return "base" if run.base else "baseline"


def _cells(row: Row) -> tuple[str, ...]:
    words = (row.axis, row.base, row.here, row.change, row.allowed)
    return (*map(_text, words), f"{SIGNS[row.outcome]} {WORDS[row.outcome]}")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _folded(run: RunReport) -> Iterator[str]:
    """Every check of every gate, the notes, and the environment, out of sight until somebody asks."""
    quiet = [verdict for verdict in run.verdicts if verdict.outcome not in LOUD]
    checks = sum(len(verdict.checks) for verdict in run.verdicts)
    if not run.verdicts:
        return
    title = f"{len(quiet)} of {len(run.verdicts)} gates passed · all {checks} checks · notes"
    lines = [
        f"| gate | axis | {_former(run)} | here | change | allowed | verdict | why |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for verdict in run.verdicts:
        for row in rows_of(verdict):
            lines.append(_line((code(short_title(verdict)), *_cells(row), _text(row.reason))))
    notes = [f"- {code(short_title(verdict))}: {_text(note)}" for verdict in run.verdicts for note in verdict.notes]
    notes += [f"- {_text(note)}" for note in run.notes]
    if run.base and run.base.canary:
        notes += [f"- {_text(line)}" for line in run.base.canary.splitlines()]
    body = "\n".join(lines) + ("\n\n" + "\n".join(notes) if notes else "")
    yield f"<details><summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def _text(words: str, longest: int = LONGEST_CELL) -> str:
    """Foreign words in a line: nothing in them is markup, a mention or a link."""
    plain = shortened(printable(words), longest)
    return _LINKING.sub("\\1\u200b", _MARKUP.sub(r"\\\1", html.escape(plain, quote=False)))


def _prose(words: str, longest: int) -> str:
    """Sentences of our own, in which names and commands stand between backticks."""
    parts = words.split("`")
    return "".join(code(part) if place % 2 else _text(part, longest) for place, part in enumerate(parts))


def _paragraphs(text: str) -> str:
    """Sentences, and between them lines to paste, which are indented there."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    return "\n\n".join(
        _block(textwrap.dedent(part), "yaml") if part.startswith("    ") else _prose(part, 2000) for part in parts
    )


def _block(text: str, language: str = "console") -> str:
    """Lines as they are, behind a fence that none of them has."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{chr(10).join(map(printable, text.splitlines()))}\n{fence}"
