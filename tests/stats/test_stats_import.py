import pkgutil
import subprocess
import sys

import pytest_speedacc.stats


def test_importing_the_statistics_does_not_import_scipy():
    names = [module.name for module in pkgutil.iter_modules(pytest_speedacc.stats.__path__, "pytest_speedacc.stats.")]
    program = f"import sys, {', '.join(names)}; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
