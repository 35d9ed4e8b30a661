"""What can go wrong with a guest."""


class GuestError(Exception):
    """A guest that cannot be had or has gone: one line that says what and what to do."""


class HungError(GuestError):
    """The guest is there, as far as anybody can tell, and says nothing."""


class PanickedError(GuestError):
    """The guest's kernel has panicked, or stands in its debugger."""
