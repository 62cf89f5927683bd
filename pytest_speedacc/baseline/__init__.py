"""The stored value: what a model was when it was last accepted, and the files that hold it."""

from pytest_speedacc.baseline.files import baseline_path, load_baseline, load_predictions, save_baseline
from pytest_speedacc.baseline.merge import merged
from pytest_speedacc.baseline.schema import (
    SCHEMA,
    Baseline,
    EnvironmentRecord,
    EvaluationSet,
    StoredAccuracy,
    StoredLatency,
    StoredMemory,
    Updated,
)

__all__ = [
    "SCHEMA",
    "Baseline",
    "EnvironmentRecord",
    "EvaluationSet",
    "StoredAccuracy",
    "StoredLatency",
    "StoredMemory",
    "Updated",
    "baseline_path",
    "load_baseline",
    "load_predictions",
    "merged",
    "save_baseline",
]
