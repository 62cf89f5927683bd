"""Decisions about noise: pure functions of numbers, without scipy, which takes a second to import."""
