"""Errors of guests."""


class GuestError(Exception):
    """A guest cannot start, or has ended: one line says why and what to do."""


class HungError(GuestError):
    """The guest runs and does not answer."""


class PanickedError(GuestError):
    """The guest's kernel has panicked, or is in its debugger."""
