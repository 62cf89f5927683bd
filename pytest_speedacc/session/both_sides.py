"""``--speedacc-against=REF``: check the base out, run both sides beside each other, and say what was found out."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from pytest_speedacc.baseline import SinceBase, baseline_path, read_folder
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.loosened import find_loosened
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Project
from pytest_speedacc.judge.allocated import too_large
from pytest_speedacc.judge.live_increase import compares_tail, latency_tolerances, run_alpha, too_slow, undecided
from pytest_speedacc.live.base_settings import live_rules
from pytest_speedacc.live.environments.choice import BaseEnvironment, base_environment
from pytest_speedacc.live.profiling import Profiled, Profiling, run_profiles
from pytest_speedacc.live.tree.acceptance import BASELINE, last_accepted
from pytest_speedacc.live.tree.base import Base
from pytest_speedacc.live.tree.choice import AUTO, choose_base
from pytest_speedacc.live.tree.git import has_changes, is_shallow
from pytest_speedacc.live.tree.history import foreign
from pytest_speedacc.live.tree.identity import base_sys_path, map_path, refuse_non_editable_install
from pytest_speedacc.live.tree.unshared import unshared
from pytest_speedacc.live.tree.worktree import BaseTree, base_worktree, digests, set_up
from pytest_speedacc.live.until_decided import Budget, run_until_decided
from pytest_speedacc.live.workers import process
from pytest_speedacc.live.workers.protocol import Survey
from pytest_speedacc.live.workers.side import Side
from pytest_speedacc.measure.launches import Key, LiveRun
from pytest_speedacc.session.both_baselines import base_settings, find_renamed, since_reader
from pytest_speedacc.session.hidden_options import Hidden, addopts_of, in_ci, new_since
from pytest_speedacc.session.slow_setup import slow_setup

ITSELF = "the base is this checkout's own commit, which shows nothing where CI is set"
EARLIER = "name what was there before, such as the last release, by --speedacc-against=REF"
SHALLOW = (
    "this clone is shallow and holds nothing before it, so give actions/checkout `with: {fetch-depth: 0}`, or run "
    "`git fetch --unshallow`"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a live run is asked to do."""

    ref: str
    """As the user wrote it."""
    rootdir: Path
    """pytest's root directory, which node ids start from."""
    ini_file: Path | None
    """pytest's configuration file; None for none."""
    folder: Path
    """Where this run was started."""
    arguments: Callable[..., tuple[str, ...]]
    """For the workers' pytest, without test paths, given a scratch folder; ``selecting`` keeps what selects tests."""
    paths: tuple[str, ...]
    """The test paths of the command line, as they were given."""
    base_python: str
    """The base's interpreter; empty for this one."""
    project: Project
    """What pyproject says here."""
    policies: Mapping[str, Policy]
    """Of every gate of this run, by node id, in the order in which they run."""
    elsewhere: Mapping[str, Policy] = field(default_factory=dict)
    """Of the gates that are in other shards."""
    profiles: Path | None = None
    """The folder for the profiles of every gate; None profiles what is too slow only."""
    hidden: Sequence[Hidden] = ()
    """Options of this run that its command line does not show."""

    @property
    def alpha(self) -> float:
        """How often the run may call any unchanged gate slower: all shards together as often as one run of all."""
        return run_alpha(self.policies.values(), self.elsewhere.values())


@dataclass(frozen=True, slots=True)
class Against:
    """A finished live run, with what the report says of it."""

    run: LiveRun
    base: Base
    settings: LiveSettings
    """How the two were run: as the base says, where it says anything."""
    mode: str
    """The same in words."""
    notes: tuple[str, ...]
    """What may explain a difference other than the change itself."""
    since: Mapping[Key, SinceBase]
    """What the baseline file of every check says that the base's does not."""
    renamed: Mapping[str, str]
    """Gates of the base that have another name here, by the content of their baselines; with that name."""
    loosened: tuple[str, ...]
    """What the policy allows now and did not in the base, a sentence each."""
    rules: tuple[str, ...] = ()
    """What of the settings of live runs is milder or another than in the base, by which this run goes."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """Digests of what the base was given of this checkout, by path."""
    profiled: Profiled = field(default_factory=Profiled)
    """Of what is too slow or too large, and the times of every gate where they are asked for."""


def run_against(request: Request, say: Callable[[str], None]) -> Against:
    """Run both sides of every gate of ``request``.

    Raises ConfigError when the base cannot be checked out, or would not be the base.
    """
    base = _base(request)
    itself = in_ci() and _is_itself(base)
    rules = live_rules(base, request.project.live, request.rootdir, request.folder)
    settings = rules.settings
    refuse_non_editable_install(base.top)
    root = request.project.root
    gates = f"{len(request.policies)} gate{'s' * (len(request.policies) != 1)}"
    first = f", and {settings.setup!r} first" if settings.setup else ""
    say(
        f"{gates} beside {base.description.partition(' ')[0]}, at most {settings.launches} launches and "
        f"{settings.budget:g} s{first}"
    )
    with base_worktree(root, base, share=settings.share) as tree:
        # Beside the base, so that it is removed with it, by the next run where this one is killed.
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=tree.top.parent))
        environment = BaseEnvironment()
        if not request.base_python:
            environment = base_environment(settings.environment, in_ci(), root, base, tree, scratch, say)
        if settings.setup is not None:
            set_up(settings.setup, settings.timeout, root, base, tree, environment.python)
        candidate_side, base_side = _sides(request, base, tree, settings, scratch, environment)
        uncompared = environment.problem or (_itself(base.top) if itself else "")
        bounds = {test: latency_tolerances(policy) for test, policy in request.policies.items()}
        base_project = base_settings(base_side.rootdir, base_side.folder)
        since = since_reader(request.project, base_project, cache(partial(foreign, base.top)))
        run = run_until_decided(
            candidate_side,
            base_side,
            tuple(request.policies),
            request.arguments(scratch),
            tails=frozenset(test for test, policy in request.policies.items() if compares_tail(policy)),
            undecided=partial(
                undecided,
                bounds=bounds,
                accepted=lambda key: since(key).accepted,
                trades={test: policy.trades for test, policy in request.policies.items()},
                rate=request.alpha,
            ),
            budget=Budget(1 if uncompared else settings.launches, settings.budget),
            scratch=scratch,
            timeout=settings.timeout,
            allow_slow_setup=settings.allow_slow_setup,
            say=say,
            counted=tuple(test for test, policy in request.policies.items() if policy.concerns("bytecodes")),
        )
        run = _uncompared(run, uncompared) if uncompared else _with_shares(run, partial(unshared, root=root, tree=tree))
        slower = too_slow(run, bounds, lambda key: since(key).accepted, request.alpha)
        profiled = _profiled(request, settings.timeout, (candidate_side, base_side), run, slower, scratch, say)
        # Read here for the last time, since the base's files end with the worktree.
        changes = {key: since(key) for key in run.gates}
        renamed = find_renamed(request.project, base_project, run, request.elsewhere)
        loosened = find_loosened(
            base_side.rootdir, run.base_markers, request.project, request.policies, started=base_side.folder
        )
        hidden = new_since(request.hidden, addopts_of(base_side.ini_file))
    notes = (*_notes(base, tree), *environment.notes, *run.apart, *profiled.problems)
    notes += (*rules.stricter, *rules.unread, *loosened.unread)
    notes += (slow,) if (slow := slow_setup(run)) else ()
    # Where the run was lost as well, no gate tells it.
    notes += (environment.problem,) if environment.problem and run.lost else ()
    notes += tuple(
        f"which gates the base has in {file} is not known, since it cannot be collected there: {why}"
        for file, why in run.base_unread.items()
    )
    said = (*hidden, *loosened.said)
    shared = digests(tree.shared)
    return Against(run, base, settings, _mode(settings), notes, changes, renamed, said, rules.said, shared, profiled)


def _base(request: Request) -> Base:
    if request.ref != BASELINE:
        return choose_base(request.rootdir, request.ref, os.environ)
    # Of all shards, so that they are compared with one commit.
    named = set(map(request.project.named, [*request.policies, *request.elsewhere]))
    files = [path for path, baseline in read_folder(request.project.baselines) if baseline.test in named]
    return last_accepted(request.rootdir, files, os.environ)


def _is_itself(base: Base) -> bool:
    """Whether the two sides are one and the same: nobody asks ``auto`` for what is not committed."""
    return base.is_head and (base.ref == AUTO or not has_changes(base.top))


def _itself(top: Path) -> str:
    """Why a commit is not compared with itself, and what there is to do."""
    return f"{ITSELF}: {SHALLOW}, and {EARLIER}" if is_shallow(top) else f"{ITSELF}: {EARLIER}"


def _uncompared(run: LiveRun, why: str) -> LiveRun:
    """Without what both sides showed where it says nothing: of one and the same commit, or with the wrong packages."""
    gates = {
        key: replace(gate, launches=(), base=None, base_predictions=None, problem=why)
        for key, gate in run.gates.items()
        if not gate.is_lost
    }
    return replace(run, gates={**run.gates, **gates})


def _with_shares(run: LiveRun, unshared: Callable[[str], str]) -> LiveRun:
    """What the base lacks that is not under version control is told with what helps."""
    gates = {key: replace(gate, problem=gate.problem + unshared(gate.problem)) for key, gate in run.gates.items()}
    unread = {file: why + unshared(why) for file, why in run.base_unread.items()}
    return replace(run, gates=gates, base_unread=unread)


def _profiled(
    request: Request,
    timeout: float,
    sides: tuple[Side, Side],
    run: LiveRun,
    slower: frozenset[Key],
    scratch: Path,
    say: Callable[[str], None],
) -> Profiled:
    """Of what is too slow or too large, and of all that is timed where profiles are asked for; none in a lost run."""
    timed = frozenset(key for key, gate in run.gates.items() if gate.launches)
    keys = timed if request.profiles else slower
    memory_keys = too_large(run, request.policies)
    if not keys | memory_keys or run.lost:
        return Profiled()
    wanted = Profiling(
        keys=keys,
        memory_keys=memory_keys,
        clock=request.project.profile_clock,
        folder=request.profiles,
        names=lambda key: baseline_path(Path(), request.project.named(key[0]), key[1]).stem,
    )
    return run_profiles(*sides, wanted, request.arguments(scratch), scratch=scratch, timeout=timeout, say=say)


def _sides(
    request: Request, base: Base, tree: BaseTree, settings: LiveSettings, scratch: Path, environment: BaseEnvironment
) -> tuple[Side, Side]:
    own, other = base.top, tree.top
    python = request.base_python or environment.python or sys.executable
    one_thread = settings.threads == "one"

    def mapped(path: Path) -> Path:
        return Path(map_path(path, own, other))

    ini_file = mapped(request.ini_file) if request.ini_file else None
    candidate = Side(
        label="candidate",
        root=own,
        other_root=other,
        folder=request.folder,
        python=sys.executable,
        sys_path=tuple(sys.path),
        one_thread=one_thread,
        rootdir=request.rootdir,
        ini_file=request.ini_file,
    )
    base_side = Side(
        label="base",
        root=other,
        other_root=own,
        folder=mapped(request.folder) if mapped(request.folder).is_dir() else tree.path,
        # Not by a relative path, for its worker starts in the base; and links followed would lead out of its venv.
        python=str(Path(shutil.which(python) or python).absolute()),
        sys_path=() if request.base_python or environment.python else tuple(base_sys_path(sys.path, own, other)),
        search=environment.search,
        one_thread=one_thread,
        rootdir=mapped(request.rootdir),
        ini_file=ini_file if ini_file and ini_file.exists() else None,
        survey=Survey(request.arguments(scratch, selecting=True), request.paths),
    )
    return candidate, base_side


def _mode(settings: LiveSettings) -> str:
    if settings.threads == "all":
        return "as many threads as configured, the idle side stopped"
    return "one thread, one core, a steady allocator"


def _notes(base: Base, tree: BaseTree) -> list[str]:
    notes = process.limitations()
    if base.is_head:
        notes.append("the base is this checkout's own commit, so only uncommitted changes can differ")
    notes += base.notes
    notes += [
        f"the base shares {shared.path} (sha256 {shared.sha256[:12]}) with this checkout" for shared in tree.shared
    ]
    return notes
