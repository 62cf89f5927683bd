"""The packages that a base runs with, where it needs others than the candidate: what they are built from, and where."""
