"""The base revision's files: which commit, checked out where, and what belongs to it."""
