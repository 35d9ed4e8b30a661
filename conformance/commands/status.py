"""How the command ``forkoracle`` ends."""

#: Beside 0, everything agrees or is known, and 1, there are differences.
USAGE, CANNOT_RUN, INTERRUPTED = 2, 3, 130
