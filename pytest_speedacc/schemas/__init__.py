"""The JSON Schemas of reports, baselines and ``[tool.speedacc]``, as files that come with the package.

``python docs/generate.py`` makes them, from the types that read and write what they describe.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema_names() -> list[str]:
    """What there is a schema of: ``report-2`` is that of the JSON report with ``"schema": 2``."""
    return sorted(file.name.removesuffix(".json") for file in files(__name__).iterdir() if file.name.endswith(".json"))


def schema_text(name: str) -> str:
    """The schema as it stands in its file."""
    return files(__name__).joinpath(f"{name}.json").read_text("utf-8")


def settings_of_tool(tool: str) -> dict[str, Any]:
    """Limits, tolerances, policies, trades and live runs of pytest-speedacc."""
    # The line above is what validate-pyproject shows of it, and ``tool`` is ours: the entry point's name.
    schema: dict[str, Any] = json.loads(schema_text("settings"))
    return schema
