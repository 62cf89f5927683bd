"""The part of the layering that import contracts cannot see: when a module is imported, not by whom."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import pytest_speedacc

FRAMEWORKS = {
    "catboost",
    "imblearn",
    "keras",
    "lightgbm",
    "memray",
    "onnx",
    "pandas",
    "scipy",
    "sklearn",
    "statsmodels",
    "torch",
    "xgboost",
    "yappi",
}


def test_no_module_imports_a_framework_at_its_top() -> None:
    names = [module.name for module in pkgutil.walk_packages(pytest_speedacc.__path__, "pytest_speedacc.")]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(loaded.stdout.split()) & FRAMEWORKS == set()


def test_a_run_without_gates_loads_nothing_heavy(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other plugins that happen to be installed load what they like.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        f"""
        import sys

        def test_without_a_gate():
            assert set(sys.modules) & {FRAMEWORKS | {"numpy", "psutil", "rich"}} == set()
        """
    )
    result = pytester.runpytest_subprocess("-p", "pytest_benchmark.plugin", "-p", "pytest_speedacc.plugin")
    result.assert_outcomes(passed=1)
