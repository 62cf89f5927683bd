"""Verdicts written out: for the terminal, for files, for other tools. Nothing is decided here."""
