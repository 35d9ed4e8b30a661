"""The one place where a failure of a guest (:mod:`vm.errors`) becomes an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.errors import TargetError
from conformance.reproducer.ended import NotRunError
from conformance.targets.channel import HangError, PanicError, ProbeError
from vm.errors import GuestError, HungError, PanickedError


@contextmanager
def target_errors() -> Iterator[None]:
    """Raises :class:`TargetError` where a guest cannot be had."""
    try:
        yield
    except GuestError as error:
        raise TargetError(str(error)) from None


@contextmanager
def probe_errors(console: Callable[[], str] = str) -> Iterator[None]:
    """Raises :class:`ProbeError` where the guest of a probe fails; *console* is its console."""
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
    """Raises :class:`NotRunError` where the guest of a program fails."""
    try:
        yield
    except GuestError as error:
        raise NotRunError(str(error)) from None
