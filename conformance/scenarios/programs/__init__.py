"""Scenarios that nobody has written: drawn step by step, judged like any others."""

#: The first part of their names, as of any scenario's.
FAMILY = "programs"
