"""The history of baselines, read from git: former files are data, and what is damaged among them is passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.baseline import Baseline, baseline_path
from pytest_speedacc.baseline.changes import is_updated
from pytest_speedacc.baseline.document import decode_document
from pytest_speedacc.baseline.files import LARGEST_DOCUMENT
from pytest_speedacc.baseline.values import paces_of, values_of
from pytest_speedacc.errors import ConfigError, GateError
from pytest_speedacc.live.tree.git import is_shallow, run_git
from pytest_speedacc.measure.clocks import seconds
from pytest_speedacc.report.past import Moment, Past

MOST_COMMITS = 200
"""That are read: the newest that changed a baseline."""
MOST_MOMENTS = 50
"""Of a gate."""
MOST_BYTES = 32 * 2**20
"""Of all former files together."""
SECONDS = 10.0
"""After which no more is read."""

Key = tuple[str, str]
"""Node id and name of a check."""


@dataclass(frozen=True, slots=True)
class Former:
    """A baseline file at a commit that changed it."""

    commit: str
    date: str
    subject: str
    blob: str
    """The name of its content."""


def read_past(folder: Path, gates: Mapping[Key, str]) -> tuple[tuple[Past, ...], str]:
    """The past of each gate, and a sentence that says where it ends too early; nothing where git has none.

    ``folder`` holds the baselines, and ``gates`` has the test that each gate's baseline is filed under.
    """
    until = seconds() + SECONDS
    try:
        if not folder.is_dir() or _is_partial(folder):
            return (), ""
        files = _log(folder)
        names = {key: baseline_path(folder, test, key[1]).name for key, test in gates.items()}
        wanted = {key: files.get(name, [])[:MOST_MOMENTS] for key, name in names.items()}
        texts = _contents(folder, (former.blob for found in wanted.values() for former in found), until)
        past = [
            Past(*key, tuple(_moments(folder / names[key], gates[key], key[1], found, texts, until)))
            for key, found in wanted.items()
        ]
        ends = _ends(folder, [former.date for found in files.values() for former in found])
    except (ConfigError, OSError, ValueError):
        # No git, no repository, one that takes too long, or one that is damaged: a report is made without.
        return (), ""
    return tuple(each for each in past if each.moments), ends


def _is_partial(folder: Path) -> bool:
    """Whether git would fetch former files one by one."""
    return run_git(folder, "config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$").code == 0


def _log(folder: Path) -> dict[str, list[Former]]:
    """The files of the folder by name, each with the commits that changed it, the newest first.

    A merge counts as one commit, so that each has one before it.
    """
    command = ("log", f"--max-count={MOST_COMMITS}", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames")
    shape = ("-z", "--relative", "--date=short", "--format=%H %cd %s")
    finished = run_git(folder, *command, *shape, "--", ".", timeout=SECONDS)
    found: dict[str, list[Former]] = {}
    if finished.code:
        return found
    commit, date, subject = "", "", ""
    tokens = iter(finished.output.split("\0"))
    for token in tokens:
        line = token.lstrip("\n")
        if line.startswith(":"):
            # :<former mode> <mode> <former blob> <blob> <status>, and then the name
            blob, name = line.split(" ")[3], next(tokens, "")
            found.setdefault(name, []).append(Former(commit[:7], date, subject, blob))
        elif line:
            commit, date, subject = (*line.split(" ", 2), "")[:3]
    return found


def _contents(folder: Path, blobs: Iterable[str], until: float) -> dict[str, bytes]:
    """What the blobs hold, by their names, as far as they are small enough, all of them together too."""
    asked = "".join(f"{blob}\n" for blob in dict.fromkeys(blobs))
    if not asked:
        return {}
    sizes = run_git(folder, "cat-file", "--batch-check", timeout=_left(until), given=asked).output.splitlines()
    kept, room = [], MOST_BYTES
    for line in sizes:
        # <blob> blob <size>, or <blob> missing
        blob, kind, *rest = line.split(" ")
        if kind == "blob" and (size := int(rest[0])) <= min(LARGEST_DOCUMENT, room):
            room -= size
            kept.append(f"{blob}\n")
    shown = run_git(folder, "cat-file", "--batch", timeout=_left(until), given="".join(kept)).output
    data, place = shown.encode("utf-8", "surrogateescape"), 0
    found: dict[str, bytes] = {}
    while place < len(data):
        # <blob> blob <size>, a line end, the content, and another
        start = data.index(b"\n", place) + 1
        name, _, length = data[place : start - 1].decode("ascii").split(" ")
        place = start + int(length) + 1
        found[name] = data[start : place - 1]
    return found


def _moments(
    path: Path, test: str, name: str, found: list[Former], texts: Mapping[str, bytes], until: float
) -> Iterator[Moment]:
    """Those of one file, the oldest first, less what is no baseline of this check."""
    before: Baseline | None = None
    for former in reversed(found):
        if former.blob not in texts or seconds() > until:
            continue
        try:
            now = decode_document(path, texts[former.blob])
        except GateError:
            continue
        if (now.test, now.name) == (test, name):
            is_new = before is None or is_updated(before, now)
            why = (" ".join(now.updated.reason.split()) if is_new else "") or former.subject
            yield Moment(former.commit, former.date, why, values_of(now) | paces_of(now))
            before = now


def _ends(folder: Path, dates: list[str]) -> str:
    if dates and is_shallow(folder):
        return (
            f"This clone is shallow, and goes back to {min(dates)}: what baselines held before, git log shows in a "
            "whole one."
        )
    return ""


def _left(until: float) -> float:
    return max(until - seconds(), 0.1)
