"""Generated programs: scenarios that are drawn step by step, and judged like any other."""

#: The family of generated programs: the first part of their names.
FAMILY = "programs"
