"""The baseline file of one gate: read before the model is measured, and written when the run asks for it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from pytest_speedacc.baseline import (
    Baseline,
    confirms,
    is_held,
    load_baseline,
    save_baseline,
    settle_baseline,
)
from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.record import record
from pytest_speedacc.check.case import Case
from pytest_speedacc.errors import GateError
from pytest_speedacc.live.tree.history import checked_out
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
) -> str:
    """Write ``new``, measured in ``environment``, in place of ``old``; says what was done.

    Where nothing is news, nothing is written, and the reason of the last update stands; with ``must`` it is all the
    same, because the file's diff accepts something. Raises GateError where it cannot be written.
    """
    stands = old if old is not None and not must and confirms(old, new, environment) else None
    if stands is not None and is_held(case.path, stands, predictions):
        settle_baseline(case.path, stands.predictions)
        return f"{_shown(case)} was not written: nothing that is compared has changed"
    save_baseline(case.path, new, predictions)
    return f"wrote {_shown(case)}: review it and commit it"


def not_written(case: Case) -> str:
    """Why an update left the file as it was, where the model may not be what it is."""
    return f"{_shown(case)} was not written, because a limit is violated"


def recorded(case: Case, measurement: Measurement, environment: Environment, ratios: Ratios | str) -> Baseline:
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
        ratios=None if isinstance(ratios, str) else ratios,
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
