import subprocess
import sys


def test_importing_the_statistics_does_not_import_scipy():
    program = "import sys, pytest_speedacc.stats; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
