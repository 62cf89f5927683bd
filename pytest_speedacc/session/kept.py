"""The verdicts of a run, packed until it ends: a thousand gates say nearly the same, and would fill memory with it."""

from __future__ import annotations

import json
import zlib
from typing import Any

import msgspec

from pytest_speedacc.judge.verdict import Verdict


class Kept:
    """Verdicts by node id and name, each as what tells its text from that of the first one."""

    def __init__(self) -> None:
        self._first = b""
        self._packed: dict[tuple[str, str], bytes] = {}

    def put(self, plain: dict[str, Any]) -> None:
        """Keep a verdict, as it came on a report; it takes the place of one of the same check."""
        text = json.dumps(plain).encode()
        self._first = self._first or text
        packer = zlib.compressobj(zdict=self._first)
        self._packed[plain["test"], plain["name"]] = packer.compress(text) + packer.flush()

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """All of them, in the order in which their checks were first put."""
        return {key: msgspec.convert(json.loads(self._text(packed)), Verdict) for key, packed in self._packed.items()}

    def _text(self, packed: bytes) -> bytes:
        return zlib.decompressobj(zdict=self._first).decompress(packed)
