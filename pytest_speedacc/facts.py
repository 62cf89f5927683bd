"""What is known of a model: measured here, sent by a worker, or written down before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """One side's score, counts and memory."""

    score: str
    greater_is_better: bool
    value: float
    samples: int
    fingerprint: str
    predictions: str
    """Path of an ``.npy`` file with one prediction a sample."""
    parameters: int | None
    model_size: int | None
    memory: int | None
    """Peak bytes, of a call with ``batch_size`` samples."""
    memory_band: int
    batch_size: int
    scores: tuple[float, ...] = ()
    """Of each evaluation of a random model; empty where one says it all."""
