"""``requests`` and ``price_per_hour``: what milliseconds become in production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_speedacc.errors import ConfigError

SCALE_KEYS = ("requests", "price_per_hour")
HIGHEST_PRICE = 1e12
"""Is refused, as all above it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a latency is translated into."""

    requests: tuple[int, ...] = (100, 10_000, 100_000)
    """Numbers of requests, one after the other."""
    price_per_hour: float | None = None
    """Of the machine, in whatever currency; None leaves the cost out."""
    is_wanted: bool = False
    """Whether somebody configured it, and wants it in every summary."""


def parse_scale(keys: Mapping[str, Any], where: str) -> Scale:
    """Read the two keys, where they are there. Raises ConfigError."""
    usual = Scale()
    requests, price = keys.get("requests", list(usual.requests)), keys.get("price_per_hour")
    if not isinstance(requests, list) or not requests or not all(_is_count(each) for each in requests):
        raise ConfigError(f"{where}: requests = {requests!r} must be a list of whole numbers above zero.")
    if price is not None and not _is_price(price):
        raise ConfigError(f"{where}: price_per_hour = {price!r} must be a number above zero.")
    return Scale(tuple(requests), None if price is None else float(price), bool(keys))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < HIGHEST_PRICE
