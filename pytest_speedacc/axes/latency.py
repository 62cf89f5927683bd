"""The time of a call."""

from __future__ import annotations

from pytest_speedacc.axes.axis import Axis, Comparison, Role, Setting
from pytest_speedacc.axes.units import Kind

LATENCY = Axis(
    "latency",
    Kind.TIME,
    compared=Comparison.LATENCY,
    settings=(
        Setting("max_latency", Role.MAXIMUM, "largest median time of a call", '"2 ms"', 0.5),
        Setting("max_latency_p50", Role.MAXIMUM, "the same as max_latency", '"2 ms"', 0.5),
        Setting("max_latency_p90", Role.MAXIMUM, "largest 90th percentile", '"4 ms"', 0.9),
        Setting("max_latency_p95", Role.MAXIMUM, "largest 95th percentile", '"5 ms"', 0.95),
        Setting("max_latency_p99", Role.MAXIMUM, "largest 99th percentile", '"9 ms"', 0.99),
        Setting("max_latency_increase", Role.WORSENING, "how much the median may grow", '"3 %"', 0.5),
        Setting("max_latency_p95_increase", Role.WORSENING, "how much p95 may grow", '"20 %"', 0.95),
        Setting(
            "max_stored_latency_increase",
            Role.WORSENING,
            "how much the median may grow against a stored multiple of the yardstick",
            '"30 %"',
            0.5,
            by_yardstick=True,
        ),
    ),
    traded={"latency": "max_latency_increase", "latency_p95": "max_latency_p95_increase"},
)
