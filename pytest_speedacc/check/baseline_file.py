"""The baseline file of one gate: read before the model is measured, and written when the run asks for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from pytest_speedacc.baseline import (
    Baseline,
    confirms,
    is_held,
    load_baseline,
    load_predictions,
    save_baseline,
    settle_baseline,
)
from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.files import MissingFile, predictions_path
from pytest_speedacc.baseline.record import record
from pytest_speedacc.check.case import Case
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.verdict import Reason
from pytest_speedacc.live.tree.history import checked_out
from pytest_speedacc.live.tree.ignored import add_command, ignored
from pytest_speedacc.measure.environment import Environment, library_versions
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.yardstick import Ratios

NO_TOLERANCE = (
    'no tolerance is set, so no later change is held against this baseline: add one, such as max_accuracy_drop="0.5 pp"'
)


def load(case: Case) -> Baseline | None:
    """What the file holds; None where there is none. Raises GateError for a damaged one that no update mends."""
    if case.run.writes != "update":
        return load_baseline(case.path, case.filed, case.name)
    try:
        return load_baseline(case.path, case.filed, case.name)
    except GateError:
        # An update is the way to mend a damaged file; what it held of other environments is gone with it.
        return None


def write(
    case: Case, old: Baseline | None, new: Baseline, predictions: Predictions, environment: str, *, must: bool
) -> list[str]:
    """Write ``new``, measured in ``environment``, in place of ``old``; says what was done.

    Where nothing is news, nothing is written, and the reason of the last update stands; with ``must`` it is all the
    same, because the file's diff accepts something. Raises GateError where it cannot be written.
    """
    stands = old if old is not None and not must and confirms(old, new, environment) else None
    if stands is not None and is_held(case.path, stands, predictions):
        settle_baseline(case.path, stands.predictions)
        files = [case.path]
        if stands.predictions is not None:
            files.append(predictions_path(case.path, stands.predictions))
        told = f"{_shown(case)} was not written: nothing that is compared has changed{_unrecorded(case)}"
    else:
        files = [*save_baseline(case.path, new, predictions)]
        told = f"wrote {_shown(case)}: review it and commit it"
    return [told, *_left_out(case, files)]


def not_written(case: Case) -> str:
    """Why an update left the file as it was, where the model may not be what it is."""
    return f"{_shown(case)} was not written, because a limit is violated{_unrecorded(case)}"


def left_alone(case: Case) -> list[str]:
    """Why a file that is there got no new reason, in a run that writes those that are missing."""
    if not (case.run.writes == "missing" and case.run.reason):
        return []
    return [f"{_shown(case)} was not written: it is there, and --speedacc-missing leaves it alone{_unrecorded(case)}"]


def kept_out(case: Case) -> list[str]:
    """Why there may be no file here though somebody wrote one."""
    return [
        f"git ignores {path.name} by the rule {rule}: if it was written, it was not committed. Add it there by "
        f"{add_command(path, case.run.root)}"
        for path, rule in ignored(case.path.parent, [case.path]).items()
    ]


def _unrecorded(case: Case) -> str:
    """What became of the reason that was given."""
    return ", so that the reason given is not recorded" if case.run.reason else ""


def _left_out(case: Case, files: Sequence[Path]) -> list[str]:
    """The files that a commit of everything would leave out: the baseline would be half there."""
    return [
        f"git ignores {path.name} by the rule {rule}, so that a commit leaves it out, and CI lacks it: "
        f"{add_command(path, case.run.root)}"
        for path, rule in ignored(case.path.parent, files).items()
    ]


def read_predictions(case: Case, stored: Baseline) -> Predictions | None:
    """Those beside the file. Raises GateError as ``load_predictions``; of a missing one it says what git does."""
    try:
        return load_predictions(case.path, stored)
    except MissingFile as error:
        for path, rule in ignored(case.path.parent, [error.path]).items():
            why = (
                f"Git ignores it by the rule {rule}, so it was not committed: add it where it was written, by "
                f"{add_command(path, case.run.root)}."
            )
            raise MissingFile(path, error.document, why) from error
        raise


def recorded(case: Case, measurement: Measurement, environment: Environment, ratios: Ratios | Reason) -> Baseline:
    """The measurement as a baseline of its own."""
    run = case.run
    return record(
        measurement,
        case.subject,
        environment,
        test=case.filed,
        name=case.name,
        reason=run.reason,
        commit=checked_out(run.root),
        ratios=ratios if isinstance(ratios, Ratios) else None,
        shared=run.shared,
    )


def update_command(case: Case) -> str:
    """What writes this gate's baseline, typed where the user stands, which need not be where its name starts."""
    file, _, rest = case.filed.partition("::")
    path = Path(os.path.relpath(case.run.root / file)).as_posix()
    against = f" --speedacc-against={case.run.base}" if case.run.base else ""
    target = f"{path}::{rest}"
    # Between double quotes a shell obeys what these begin, and a name is data.
    quoted = shlex.quote(target) if set(target) & set('"$`\\!') else f'"{target}"'
    return f"python -m pytest {quoted} --speedacc-update{against}"


def suspicions(stored: Baseline) -> list[str]:
    """Library versions that differ from the baseline's: a suspected cause of any change, and no bar to comparing."""
    now = library_versions()
    changed = [f"{name} {was} -> {now[name]}" for name, was in stored.versions.items() if now.get(name, was) != was]
    return [f"libraries differ from the baseline's: {', '.join(changed)}"] if changed else []


def _shown(case: Case) -> Path:
    return case.path.relative_to(case.run.root) if case.path.is_relative_to(case.run.root) else case.path
