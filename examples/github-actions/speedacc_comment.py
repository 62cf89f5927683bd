"""Say in Markdown what reports of pytest-speedacc hold: python3 speedacc_comment.py REPORT.json ... > comment.md

The code of a pull request writes its own report, so all of it is data: what has not the type or the length that it
should have is refused, and so is a word that is not known. Every text stands between backticks, where GitHub makes no
link, no picture, no mention and no HTML of it. Nothing but Python itself is needed.

CONCLUSION is what GitHub says of the run, which no report can change: it makes the heading. RUN_URL is linked.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

MOST_BYTES, MOST_REPORTS, MOST_GATES, MOST_SHOWN, LONGEST = 8 * 1024**2, 20, 5_000, 30, 160
SCHEMAS = (1, 2)
SIGNS = {"failed": "❌", "not_compared": "❔", "inconclusive": "⚠️", "passed": "✅"}
"""The words for a verdict, the worst first."""
BARE = ("count", "score", "fraction")
"""Units that are not written: any other is, as the axis of a user may have its own."""


class Refused(Exception):
    """This is no report."""


def main(paths: list[str]) -> int:
    try:
        if not 0 < len(paths) <= MOST_REPORTS:
            raise Refused(f"{len(paths)} reports, where 1 to {MOST_REPORTS} are read")
        text = comment({Path(path).stem: read(Path(path)) for path in paths})
    except Refused as error:
        print(f"speedacc_comment: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(text.encode())
    return 0


def read(path: Path) -> dict[str, Any]:
    """The report in a file."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Refused(f"{path} has more than {MOST_BYTES:,} bytes")
        return of(json.loads(content, parse_constant=no_number), dict, "the report")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path} is no JSON: {type(error).__name__}") from None


def comment(reports: dict[str, dict[str, Any]]) -> str:
    """All of it: short enough for a comment, which may have 65,536 characters."""
    gates: list[str] = []
    rows: list[tuple[int, str]] = []
    lines: list[str] = []
    for name, report in reports.items():
        if report.get("schema") not in SCHEMAS:
            raise Refused("a report of a schema that is not known here: take the newer speedacc_comment.py")
        where = f"{code(name)} " if len(reports) > 1 else ""
        for gate in items(report, "gates"):
            gates.append(word(gate, "verdict", SIGNS))
            rows += gate_rows(gate, where)
        lines += said_lines(report, {"problems": "problem", "lost": "lost"}, where, "")
        live = report.get("live")
        if live is not None:
            lines += live_lines(of(live, dict, "live"), where, is_lost_told=bool(report.get("lost")))
    worst = [row for _, row in sorted(rows, key=lambda each: each[0])]
    table = [
        "",
        "| gate | axis | observed | allowed | verdict |",
        "|---|---|--:|---|---|",
        *first(worst, "| and {} more |"),
    ]
    return (
        "\n".join(["<!-- speedacc -->", *heading(gates), "", *first(lines, "* and {} more"), *(table if rows else [])])
        + "\n"
    )


def heading(gates: list[str]) -> list[str]:
    counts = ", ".join(f"{gates.count(verdict)} {verdict.replace('_', ' ')}" for verdict in SIGNS if verdict in gates)
    conclusion = os.environ.get("CONCLUSION", "")
    sign = {"success": "✅", "": ""}.get(conclusion, "❌")
    said = f": {conclusion}" if re.fullmatch("[a-z_]{1,20}", conclusion) else ""
    url = os.environ.get("RUN_URL", "")
    link = [f"[The run]({url})"] if re.fullmatch(r"https://[\w.:/-]{1,300}", url) else []
    return [f"### {sign} Model gates{said}".replace("  ", " "), "", f"{len(gates)} gates: {counts or 'none'}.", *link]


def said_lines(part: dict[str, Any], titles: dict[str, str], where: str, inside: str) -> list[str]:
    """The sentences of a part, which stands ``inside`` another, under each of these keys, where there are any."""
    lines = []
    for key, title in titles.items():
        said = [code(of(text, str, inside + key)) for text in of(part.get(key, []), list, inside + key)]
        lines += [f"* {where}**{title}**: {text}" for text in said]
    return lines


def live_lines(live: dict[str, Any], where: str, *, is_lost_told: bool) -> list[str]:
    base = live.get("base")
    # A commit, or what is known of one.
    sha = of(base.get("commit") if isinstance(base, dict) else base, str, "live.base")
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", sha):
        raise Refused("live.base is no commit")
    titles = {"loosened": "loosened", "changed_baselines": "changed baseline"}
    titles = titles if is_lost_told else {"removed": "lost", **titles}
    return [f"* {where}compared with {sha[:12]}", *said_lines(live, titles, where, "live.")]


def gate_rows(gate: dict[str, Any], where: str) -> list[tuple[int, str]]:
    """A row for everything that did not pass, with its place among the rows."""
    title = where + code(" ".join(filter(None, (of(gate.get(key), str, key) for key in ("test", "name")))))
    error = of(gate.get("error") or "", str, "error")
    rows = [(0, f"| {title} | | | | {SIGNS['failed']} {code(error)} |")] if error else []
    for check in items(gate, "checks"):
        outcome = word(check, "outcome", SIGNS)
        if outcome == "passed":
            continue
        axis = " ".join(filter(None, (of(check.get(key) or "", str, key) for key in ("metric", "statistic", "slice"))))
        allowed, reason = (code(of(check.get(key) or "", str, key)) for key in ("allowed", "reason"))
        row = f"| {title} | {code(axis)} | {amount(check)} | {allowed} | {SIGNS[outcome]} {reason} |"
        rows.append((list(SIGNS).index(outcome), row))
    return rows


def first(lines: list[str], more: str) -> list[str]:
    """As many as are shown, and how many there are more."""
    left = len(lines) - MOST_SHOWN
    return lines[:MOST_SHOWN] + ([more.format(left)] if left > 0 else [])


def amount(check: dict[str, Any]) -> str:
    observed = check.get("observed")
    if observed is None:
        return ""
    # Of integers JSON takes larger ones than there are numbers.
    if isinstance(observed, bool) or not isinstance(observed, int | float) or not -1e300 < observed < 1e300:
        raise Refused("observed is no number")
    unit = of(check.get("unit"), str, "unit")
    if unit == "change":
        return f"{observed:+.1%}"
    shown = f"{observed:.6g}"
    return shown if unit in BARE or not unit else f"{shown} {unit}" if unit.isalnum() else f"{shown} {code(unit)}"


def code(text: str) -> str:
    """A text between backticks, without what could end it there, or the cell of a table."""
    shown = "".join(character if character.isprintable() else " " for character in text[: LONGEST + 1])
    shown = shown.translate(str.maketrans("`|\\", "'¦/")).strip()
    if not shown:
        return ""
    return f"`{shown[:LONGEST]}…`" if len(text) > LONGEST else f"`{shown}`"


def items(of_what: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = of(of_what.get(key), list, key)
    if len(found) > MOST_GATES:
        raise Refused(f"{key} has {len(found):,} entries, and at most {MOST_GATES:,} are read")
    return [of(each, dict, key) for each in found]


def word(of_what: dict[str, Any], key: str, known: Any) -> str:
    found = of(of_what.get(key), str, key)
    if found not in known:
        raise Refused(f"{key} is none of {', '.join(known)}")
    return found


def of(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise Refused(f"{where} is no {kind.__name__}")
    return value


def no_number(constant: str) -> float:
    raise Refused(f"{constant} is no number")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
