"""The base revision, run beside the candidate in the same session."""
