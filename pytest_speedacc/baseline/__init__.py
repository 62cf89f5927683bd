"""The stored value: what a model was when it was last accepted, and the files that hold it."""

from pytest_speedacc.baseline.agreement import check_agreement
from pytest_speedacc.baseline.files import baseline_path, guessed_test, is_named_after, load_baseline, load_predictions
from pytest_speedacc.baseline.folder import Content, content, kept, list_folder, read_folder
from pytest_speedacc.baseline.merge import confirms, merged
from pytest_speedacc.baseline.schema import Accepted, Baseline, StoredProfile
from pytest_speedacc.baseline.since import SinceBase, since_base
from pytest_speedacc.baseline.update import is_held, save_baseline, settle_baseline

__all__ = [
    "Accepted",
    "Baseline",
    "Content",
    "SinceBase",
    "StoredProfile",
    "baseline_path",
    "check_agreement",
    "confirms",
    "content",
    "guessed_test",
    "is_held",
    "is_named_after",
    "kept",
    "list_folder",
    "load_baseline",
    "load_predictions",
    "merged",
    "read_folder",
    "save_baseline",
    "settle_baseline",
    "since_base",
]
