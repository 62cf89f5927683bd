"""Settings: pyproject.toml and the marker, read into limits, tolerances and policies."""
