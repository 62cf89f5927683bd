"""What a process shares among all that runs in it: looked at before and after a model is measured, and named.

Nothing is put back: a test may have meant it. What makes a measurement wrong is refused where it is measured.
"""

from __future__ import annotations

import decimal
import gc
import locale
import os
import pickle
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_speedacc.measure.this_process import allowed_cores, children, open_files

SHOWN = 60
"""Characters of a value."""
LEAK = 32
"""Threads, or files, from which on more of them are a leak: a pool or an event loop that is made once has fewer."""
_VARIABLES = "the environment variable"
_COUNTS = ("threads", "open files")
_LISTS = ("sys.path", "the filters of warnings", "child processes")


def surroundings() -> dict[str, Any]:
    """What is shared, by what it is called: values that can be compared. Takes about 130 µs."""
    found = {name: read() for name, read in _READERS.items()}
    if torch := sys.modules.get("torch"):
        found |= {name: read(torch) for name, read in _OF_TORCH.items()}
        if torch.cuda.is_initialized():
            states = torch.cuda.get_rng_state_all()
            found["torch's random state on CUDA"] = b"".join(state.numpy().tobytes() for state in states)
    return found


def moved(before: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence, where the model has left something otherwise than it was ``before``; none where it has not."""
    after = surroundings()
    # What was first loaded meanwhile had nothing to be changed.
    changes = [
        _change(name, before[name], value)
        for name, value in after.items()
        if before.get(name, value) != value and not (name in _COUNTS and value - before[name] < LEAK)
    ]
    if not changes:
        return ()
    return (
        f"something in this process is not as it was before the model was measured: {'; '.join(changes)}. "
        "Gates that run after this one meet it",
    )


def _change(name: str, before: Any, after: Any) -> str:
    if isinstance(before, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        if name == _VARIABLES:
            # Their values may be secrets, and reports are read by many.
            how = ["changed" if key in before and key in after else "set" if key in after else "unset" for key in keys]
            return ", ".join(f"{name} {key} {done}" for key, done in list(zip(keys, how, strict=True))[:3])
        return ", ".join(f"{name} {key} {_shown(before.get(key))} -> {_shown(after.get(key))}" for key in keys[:3])
    if isinstance(before, bytes):
        return name
    if name in _LISTS:
        new, gone = [each for each in after if each not in before], [each for each in before if each not in after]
        signed = [*(f"+ {_shown(each)}" for each in new[:3]), *(f"- {_shown(each)}" for each in gone[:3])]
        return f"{name} {' '.join(signed) or 'in another order'}"
    return f"{name} {_shown(before)} -> {_shown(after)}"


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    text = value if isinstance(value, str) else getattr(value, "__qualname__", None) or repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - one call of the system, and no object
    except OSError:
        return "a folder that is gone"


_READERS: Mapping[str, Callable[[], Any]] = {
    "the working directory": _folder,
    _VARIABLES: lambda: dict(os.environ),
    "sys.path": lambda: tuple(sys.path),
    "the handler of": lambda: {number.name: signal.getsignal(number) for number in signal.Signals},
    "the filters of warnings": lambda: tuple(warnings.filters),
    "numpy's random state": lambda: pickle.dumps(np.random.get_state(legacy=False)),
    "numpy.errstate's": lambda: dict(np.geterr()),
    "the cores that it may run on": allowed_cores,
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "decimal's precision": lambda: decimal.getcontext().prec,
    "the recursion limit": sys.getrecursionlimit,
    "the garbage collector's thresholds": gc.get_threshold,
    "the garbage collector is on": gc.isenabled,
    "the timeout of sockets": socket.getdefaulttimeout,
    "the interval between threads": sys.getswitchinterval,
    "threads": threading.active_count,
    "open files": open_files,
    "child processes": children,
}
_OF_TORCH: Mapping[str, Callable[[Any], Any]] = {
    "torch's threads": lambda torch: torch.get_num_threads(),
    "torch's default type": lambda torch: str(torch.get_default_dtype()),
    "torch's gradients are on": lambda torch: torch.is_grad_enabled(),
    "torch's deterministic algorithms are on": lambda torch: torch.are_deterministic_algorithms_enabled(),
    "torch's random state": lambda torch: torch.get_rng_state().numpy().tobytes(),
}
