"""What every part of the command may raise, and the command tells in one line."""


class UsageError(Exception):
    """What was asked for cannot be: one line that says what is allowed (exit status 2)."""
