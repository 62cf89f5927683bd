"""Values as the package makes them, in one place: a new field of theirs does not ripple through the tests."""

from __future__ import annotations

from typing import Any

from pytest_speedacc.axes import AXES
from pytest_speedacc.axes.axis import Comparison
from pytest_speedacc.facts import Amount, Facts
from pytest_speedacc.judge.reference import Reference
from pytest_speedacc.judge.verdict import Reason, because

PLAIN = {axis.name for axis in AXES.values() if axis.compared in (Comparison.AMOUNT, Comparison.ONE_TIMING)}


def amounts(*, memory_band: int = 0, **known: float | None) -> dict[str, Amount]:
    """Plain quantities by axis, those that are known."""
    bands = {"memory": memory_band}
    return {name: Amount(value, bands.get(name, 0)) for name, value in known.items() if value is not None}


def text(words: str) -> Reason:
    """A reason that is these words."""
    return because("text", text=words)


def reference_of(missing: str = "", *, no_memory: str = "", **known: Any) -> Reference:
    """What is known of a former model: amounts by their axes' names, the rest as the fields of a Reference."""
    absent = {"memory": text(no_memory)} if no_memory else {}
    return Reference(text(missing), amounts=amounts(**_plain(known)), absent=absent, **known)


def facts(**known: Any) -> Facts:
    """What a worker says of a perfect model of one sample, but for what is given."""
    usual = {
        "score": "accuracy",
        "greater_is_better": True,
        "value": 1.0,
        "samples": 1,
        "fingerprint": "",
        "predictions": "",
        "batch_size": 1,
    }
    return Facts(amounts=amounts(**_plain(known)), **{**usual, **known})


def _plain(known: dict[str, Any]) -> dict[str, Any]:
    """Taken out of what is known."""
    return {name: known.pop(name) for name in list(known) if name in PLAIN or name == "memory_band"}


def value_of(reference: Reference, axis: str) -> float | None:
    """The former value of a plain quantity; None where it is not known."""
    return reference.amounts[axis].value if axis in reference.amounts else None


def band_of(reference: Reference, axis: str) -> float:
    """By how much it moves."""
    return reference.amounts[axis].band if axis in reference.amounts else 0
