"""``python -m pytest_speedacc``: what is asked of reports and baselines without running a gate."""
