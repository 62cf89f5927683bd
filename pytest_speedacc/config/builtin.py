"""The policies that come with the plugin: the two questions that a limit is usually about (docs/policy.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    # Somebody waits for the answer: speed must not creep away, and a little accuracy may pay for a lot of it.
    "customer-facing": {
        "max_accuracy_drop": "0.2 pp",
        "max_memory_increase": "10 %",
        "max_model_size_increase": "10 %",
        "trades": [
            {"give": {"accuracy": "0.5 pp"}, "gain": {"latency": "30 %"}},
            {"give": {"memory": "50 %", "model_size": "50 %"}, "gain": {"latency": "30 %"}},
        ],
    },
    # Nobody waits: the answer must not get worse, and time and memory may pay for a better one.
    "internal-analytics": {
        "max_accuracy_drop": "0 pp",
        "max_latency_increase": "25 %",
        "max_memory_increase": "25 %",
        "trades": [{"give": {"latency": "100 %", "memory": "100 %"}, "gain": {"accuracy": "0.5 pp"}}],
    },
}
