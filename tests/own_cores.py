"""Each pytest-xdist worker keeps to cores of its own, and so does all that it starts.

Live runs of two workers would otherwise be timed on one core, and libraries would start threads for all of them. A
plugin (``-p own_cores``), since these libraries count the cores when they are imported, which other plugins do.
"""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    worker, workers = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    if own := sorted(os.sched_getaffinity(0))[worker::workers]:
        os.sched_setaffinity(0, own)
