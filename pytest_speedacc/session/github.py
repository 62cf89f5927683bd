"""GitHub Actions: the job summary, annotations and outputs of a run, found by the environment and without a token."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.printable import printable
from pytest_speedacc.report.summary import RunReport, short_title, why_of
from pytest_speedacc.report.text import headline

MOST_BYTES = 900_000
"""Of all summaries of a step. The host drops one of more than 1 MiB as a whole."""
MOST_ANNOTATIONS = 9
"""Of a level: the host shows ten in a step."""
ANNOTATES_ALREADY = "pytest_github_actions_annotate_failures"
"""The entry point of a plugin that annotates every failure by itself."""

_PLACE = re.compile(r"\(([^()]+\.py):(\d+)\)")
_BLOB = re.compile(r"https://[\w.:-]+/[\w.-]+/[\w.-]+/blob/[0-9a-f]{40,64}/")
_TEST_FILE = re.compile(r"([^\s:]+\.py)::")


@dataclass(frozen=True, slots=True)
class Actions:
    """Where a step of GitHub Actions takes what it is told."""

    summary: Path | None
    outputs: Path | None
    workspace: Path
    """What the files of annotations are relative to."""
    blob: str = ""
    """Where the host shows the files of the commit that it runs for; empty where nobody knows."""


def find_actions() -> Actions | None:
    """The step that this run is; None elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return None
    summary, outputs = (os.environ.get(name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"))
    server, repository, sha = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA"))
    blob = f"{server}/{repository}/blob/{sha}/"
    return Actions(
        Path(summary) if summary else None,
        Path(outputs) if outputs else None,
        Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()),
        blob if _BLOB.fullmatch(blob) else "",
    )


def tell_actions(
    run: RunReport,
    written: Sequence[Path],
    root: Path,
    fails: Callable[[Outcome], bool],
    plugins: pytest.PytestPluginManager,
) -> Iterator[str]:
    """Write the job summary and the outputs where this run is a step; returns the terminal's lines, its annotations."""
    actions = find_actions()
    if actions is None or not (run.verdicts or run.lost or run.problems or run.shard):
        return
    try:
        write_summary(actions, run, written, root)
    except OSError as error:
        yield f"The job summary could not be written: {error.strerror}."
    if plugins.hasplugin(ANNOTATES_ALREADY):
        # It does so for tests, and for nothing that is no test.
        run = replace(run, verdicts=())
    yield from annotation_lines(actions, run, root, fails)


def write_summary(actions: Actions, run: RunReport, reports: Sequence[Path], root: Path) -> None:
    """Append the summary and the outputs of the step. Raises OSError where the host's files cannot be written.

    ``root`` is the folder that node ids start from.
    """

    def link(verdict: Verdict) -> str:
        place = _inside(actions, root, verdict.file)
        line = f"#L{verdict.line}" if verdict.line else ""
        return f"{actions.blob}{quote(place)}{line}" if actions.blob and place else ""

    if actions.summary is not None:
        taken = actions.summary.stat().st_size if actions.summary.exists() else 0
        with actions.summary.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(markdown(run, most_bytes=MOST_BYTES - taken, link=link) + "\n")
    if actions.outputs is not None:
        with actions.outputs.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{name}={value}\n" for name, value in _outputs(run, reports).items())


def _outputs(run: RunReport, reports: Sequence[Path]) -> dict[str, str]:
    """What later steps may ask for, each on one line."""
    return {
        "verdict": run.outcome.word,
        "failed": str(len(run.of(Outcome.FAILED)) + len(run.lost) * run.losses_fail),
        "inconclusive": str(len(run.of(Outcome.INCONCLUSIVE))),
        "report": printable(str(reports[0])) if reports else "",
    }


def annotation_lines(actions: Actions, run: RunReport, root: Path, fails: Callable[[Outcome], bool]) -> Iterator[str]:
    """The workflow commands, a line each, for what did not pass: of the run as a whole, and of a gate at its culprit,
    else at its test.

    ``root`` is the folder that node ids start from. What ``fails`` the run is an error, and the rest a warning.
    """
    loud = [verdict for verdict in run.verdicts if verdict.outcome is not Outcome.PASSED]
    for level, is_error in (("error", True), ("warning", False)):
        found = [verdict for verdict in loud if fails(verdict.outcome) is is_error]
        commands = [_command(level, "", 0, "speedacc", problem) for problem in run.problems if is_error]
        commands += [_of_gate(level, verdict, actions, root) for verdict in found]
        if run.losses_fail is is_error:
            commands += [_of_lost(level, sentence, actions, root) for sentence in run.lost]
        if run.loosened and run.loosened_fails is is_error:
            commands.append(_command(level, "", 0, "loosened", "\n".join(run.loosened)))
        yield from commands[:MOST_ANNOTATIONS]
        if len(commands) > MOST_ANNOTATIONS:
            more = f"and {len(commands) - MOST_ANNOTATIONS} more: see the job summary"
            yield _command(level, "", 0, "speedacc", more)


def _of_gate(level: str, verdict: Verdict, actions: Actions, root: Path) -> str:
    file, line = verdict.file, verdict.line
    for place in (_PLACE.search(reason) for reason in why_of(verdict)):
        if place and (root / place[1]).is_file():
            file, line = place[1], int(place[2])
            break
    why = "\n".join([headline(verdict), *why_of(verdict)[:3]])
    return _command(level, _inside(actions, root, file), line, f"speedacc: {short_title(verdict)}", why)


def _of_lost(level: str, sentence: str, actions: Actions, root: Path) -> str:
    found = _TEST_FILE.search(sentence)
    file = found[1] if found and (root / found[1]).is_file() else ""
    return _command(level, _inside(actions, root, file), 0, "lost gate", sentence)


def _inside(actions: Actions, root: Path, file: str) -> str:
    """A file below ``root`` as the host names it; empty for one that is not the repository's."""
    where = os.path.relpath(root / file, actions.workspace) if file else ""
    return "" if where.startswith("..") else Path(where).as_posix() if where else ""


def _command(level: str, file: str, line: int, title: str, message: str) -> str:
    places = {"file": file, "line": str(line) if file and line else "", "title": title}
    told = ",".join(f"{name}={_property(value)}" for name, value in places.items() if value)
    return f"::{level} {told}::{_data(message)}"


def _data(text: str) -> str:
    shown = "\n".join(map(printable, text.splitlines()))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
