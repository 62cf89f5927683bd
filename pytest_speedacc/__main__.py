"""``python -m pytest_speedacc``."""

from __future__ import annotations

import sys

from pytest_speedacc.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
