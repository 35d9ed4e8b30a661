"""Converts errors of guests (:mod:`vm.errors`) to errors of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.errors import TargetError
from conformance.reproducer.ended import NotRunError
from conformance.targets.channel import HangError, PanicError, ProbeError
from vm.errors import GuestError, HungError, PanickedError


@contextmanager
def target_errors() -> Iterator[None]:
    """Raises :class:`TargetError` if a guest cannot start."""
    try:
        yield
    except GuestError as error:
        raise TargetError(str(error)) from None


@contextmanager
def probe_errors(console: Callable[[], str] = str) -> Iterator[None]:
    """Raises :class:`ProbeError` if the guest of a probe fails; *console* returns its console."""
    try:
        yield
    except PanickedError as error:
        raise PanicError(str(error), console()) from None
    except HungError as error:
        raise HangError(str(error)) from None
    except GuestError as error:
        raise ProbeError(str(error)) from None


@contextmanager
def program_errors() -> Iterator[None]:
    """Raises :class:`NotRunError` if the guest of a reproducer fails."""
    try:
        yield
    except GuestError as error:
        raise NotRunError(str(error)) from None
