"""Write the tables of the documentation, and the JSON Schemas, from the code that they describe.

``python docs/generate.py`` renews them, ``python docs/generate.py --check`` says which are not current.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from pytest_speedacc import schemas
from pytest_speedacc.adapters import (
    CatBoostAdapter,
    ExportedAdapter,
    KerasAdapter,
    LightGBMAdapter,
    OnnxAdapter,
    PipelineAdapter,
    SklearnAdapter,
    StatsmodelsAdapter,
    TorchAdapter,
    TransformersAdapter,
    XGBoostAdapter,
)
from pytest_speedacc.adapters.callables import CallableAdapter, PredictorAdapter
from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.cli.main import _parser
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.schemas.docstrings import meanings
from pytest_speedacc.schemas.documents import BASELINE, REPORT, baseline_schema, report_schema
from pytest_speedacc.schemas.settings import pyproject_schema, settings_schema

DOCS = Path(__file__).parent
FOLDER = Path(schemas.__file__).parent
ADAPTERS = (
    SklearnAdapter,
    LightGBMAdapter,
    XGBoostAdapter,
    CatBoostAdapter,
    StatsmodelsAdapter,
    TorchAdapter,
    ExportedAdapter,
    TransformersAdapter,
    PipelineAdapter,
    KerasAdapter,
    OnnxAdapter,
    PredictorAdapter,
    CallableAdapter,
)


def settings_table(*, tolerances: bool) -> str:
    """The limits or the tolerances that can be judged, one a row."""
    rows = [
        (f"`{setting.name}`", f"`{setting.name} = {setting.example}`", setting.help)
        for setting in SETTINGS.values()
        if setting.is_tolerance is tolerances
    ]
    return table(("name", "as in", "meaning"), rows)


def frameworks_table() -> str:
    """What a parameter and the model size are, one framework a row."""
    rows = [(adapter.framework, adapter.counted, adapter.serialisation) for adapter in ADAPTERS]
    return table(("model", "a parameter is", "the model size is the length of"), rows)


def live_table() -> str:
    """``[tool.speedacc.live]``, a setting a row; what it means is what its class says below it."""
    said = {name: text.rstrip(".") for name, text in meanings(LiveSettings).items()}
    rows = [
        (f"`{field.name}`", toml(field.default), said[field.name][:1].lower() + said[field.name][1:])
        for field in fields(LiveSettings)
    ]
    return table(("name", "default", "meaning"), rows)


def commands_table() -> str:
    """``python -m pytest_speedacc``: what a command does, and below it an argument a row."""
    (commands,) = (action for action in _parser()._actions if action.dest == "command")
    rows = []
    for command in commands._choices_actions:
        rows.append((f"`{command.dest}`", "", command.help))
        arguments = (action for action in commands.choices[command.dest]._actions if action.dest != "help")
        rows += [("", f"`{written(action)}`", action.help) for action in arguments]
    return table(("command", "argument", "meaning"), rows)


def written(action: argparse.Action) -> str:
    """An argument as it is typed."""
    value = "" if action.nargs == 0 else action.metavar or "\\|".join(action.choices)
    return f"{', '.join(action.option_strings)} {value}{' ...' if action.nargs == '+' else ''}".strip()


def toml(value: object) -> str:
    """A default as it would be written in pyproject.toml; the only fractional numbers are seconds."""
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f'`"{value:g} s"`'
        case str():
            return f'`"{value}"`'
        case tuple():
            return f"`{list(value)}`"
        case _:
            return f"`{value}`"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


GENERATED = {
    "limits": lambda: settings_table(tolerances=False),
    "tolerances": lambda: settings_table(tolerances=True),
    "frameworks": frameworks_table,
    "live": live_table,
    "commands": commands_table,
}
"""What stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``."""


SCHEMAS = {REPORT: report_schema, BASELINE: baseline_schema, "settings": settings_schema, "pyproject": pyproject_schema}
"""By the name of their file in the package."""


def files() -> dict[Path, str]:
    """All that is made here, as it should be."""
    pages = {page: renewed(page.read_text("utf-8")) for page in sorted(DOCS.glob("*.md"))}
    return pages | {FOLDER / f"{name}.json": json.dumps(made(), indent=2) + "\n" for name, made in SCHEMAS.items()}


def renewed(text: str) -> str:
    """A page with every generated part written anew."""
    return re.sub(
        r"(<!-- generated: (\w+) -->\n).*?(?=<!-- end -->)",
        lambda match: f"{match[1]}\n{GENERATED[match[2]]()}\n\n",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    """Renew the files, or with ``--check`` return 1 when one is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    check = parser.parse_args().check
    stale = {file: text for file, text in files().items() if not file.exists() or file.read_text("utf-8") != text}
    for file, text in stale.items():
        if check:
            print(f"{file.name} is not current: run python docs/generate.py", file=sys.stderr)
        else:
            file.write_text(text, "utf-8")
            print(f"wrote {file.name}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
