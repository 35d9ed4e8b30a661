"""The kernel around fork, in cases that scenarios once left out as not understood.

Each log is read from the source that the test names.  A NetBSD kernel, where there
is one, has to give the same; each statement, broken in the model, gives another.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.commands.choice import KERNEL_VARIABLE
from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.targets.guest import GuestTarget, guest_machine
from reference_model import (
    Options,
    Scenario,
    allowed_logs,
    kern_descrip,
    kern_event,
    kern_exit,
    kern_sig,
)
from reference_model.language.netbsd import NZERO
from reference_model.proc import Cred, Kqueue, Proc
from tests.scenarios import steps
from vm.qemu import QEMU

needs_kernel = pytest.mark.skipif(
    KERNEL_VARIABLE not in os.environ or shutil.which(QEMU) is None,
    reason=f"needs a NetBSD/amd64 kernel named by {KERNEL_VARIABLE}, and {QEMU}",
)

_TRACED = ("T: spawn P", "T: wait4 P", "T: PT_CONTINUE P")
_WATCHED = ("Q: kqueue 30", "Q: watch 30 P NOTE_TRACK", "P: fork C")
_SIGCHLD = "P: sigprocmask unblock SIGCHLD"
#: Each case: its steps, and the observations of its last steps.
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # kern_sig.c, lines 1936 and 1971: a signal that a stop has reported stays in the queue.
    "the-first-in-the-queue-is-told-of": (
        (
            *_TRACED,
            "P: sigprocmask unblock SIGUSR1",
            "P: kill P SIGUSR1",
            "T: wait4 P",
            "T: PT_GET_SIGINFO P",
        ),
        ("P stopped SIGUSR1", "SIGSTOP"),
    ),
    # Lines 1397-1398: a signal that lets go on takes those that stop out of the queue.
    "sigcont-takes-the-stop-from-the-queue": (
        (
            *_TRACED,
            "P: sigprocmask unblock SIGCONT",
            "P: kill P SIGCONT",
            "T: wait4 P",
            "T: PT_GET_SIGINFO P",
        ),
        ("P stopped SIGCONT", "SIGCONT"),
    ),
    # sys_sig.c, line 553: so does ignoring it.
    "ignoring-takes-it-from-the-queue": (
        (
            *_TRACED,
            "P: sigprocmask unblock SIGCONT",
            "P: sigprocmask unblock SIGUSR1",
            "P: kill P SIGCONT",
            "T: wait4 P",
            "T: PT_CONTINUE P",
            "P: sigaction SIGCONT ignore",
            "P: kill P SIGUSR1",
            "T: wait4 P",
            "T: PT_GET_SIGINFO P",
        ),
        ("P stopped SIGUSR1", "SIGUSR1"),
    ),
    # kern_event.c, lines 1946-1951: the newest knote is found first, and a newborn's newest one
    # is that which says NOTE_CHILD; the other one goes on tracking.
    "watching-a-newborn-anew-changes-nothing": (
        (*_WATCHED, "Q: watch 30 C NOTE_FORK", "C: fork D", "Q: kevent 30"),
        ("C NOTE_CHILD P, D NOTE_CHILD C",),
    ),
    "once-its-birth-is-told-it-does": (
        (*_WATCHED, "Q: kevent 30", "Q: watch 30 C NOTE_FORK", "C: fork D", "Q: kevent 30"),
        ("C NOTE_CHILD P", "ok", "D", "C NOTE_FORK"),
    ),
    # Line 1948 asks for the number only, filt_procattach() for a process that lives.
    "the-dead-are-found-until-they-are-told-of": (
        (
            "Q: kqueue 30",
            "P: fork C",
            "Q: watch 30 C NOTE_EXIT",
            "C: exit 0",
            "Q: watch 30 C NOTE_EXIT",
            "Q: kevent 30",
            "Q: watch 30 C NOTE_EXIT",
        ),
        ("ok", "C NOTE_EXIT", "ESRCH"),
    ),
    # kern_sig.c, lines 1384-1385: a signal that kills makes its target nice no more, at once.
    "a-deadly-signal-takes-niceness": (
        ("P: nice 2", "P: kill P SIGTERM", "P: kinfo P p_nice"),
        ("0",),
    ),
    "a-caught-one-does-not": (
        ("P: nice 2", "P: sigaction SIGTERM catch", "P: kill P SIGTERM", "P: kinfo P p_nice"),
        ("2",),
    ),
    # kern_descrip.c, line 1774: exec ends the sharing, so the new program keeps the other end.
    "exec-has-descriptors-of-its-own": (
        (
            "P: pipe 24 25",
            "P: __clone CLONE_FILES|SIGCHLD C",
            "C: exec 24",
            "P: sleep 200",
            "P: close 25",
            "P: sleep 50",
            "P: wait4 C WNOHANG",
        ),
        ("ok", "none"),
    ),
    # kern_exit.c, lines 360-594: proc_lock is held from a parent's release until it has its signal.
    "the-end-of-vfork-comes-with-its-signal": (
        (
            *_TRACED,
            _SIGCHLD,
            "P: __vfork14 C",
            "C: exit 3",
            "T: wait4 P",
            "T: PT_CONTINUE P",
            "P: wait4 C",
        ),
        ("C", "ok", "P stopped SIGCHLD", "ok", "C exited 3"),
    ),
    "vfork-done-is-told-before-the-signal": (
        (
            *_TRACED[:2],
            "T: PT_SET_EVENT_MASK P PTRACE_VFORK_DONE",
            "T: PT_CONTINUE P",
            _SIGCHLD,
            "P: __vfork14 C",
            "C: exit 3",
            "T: wait4 P",
            "T: PT_GET_PROCESS_STATE P",
            "T: PT_CONTINUE P",
            "T: wait4 P",
            "T: PT_CONTINUE P",
            "P: wait4 C",
        ),
        ("P stopped SIGTRAP", "PTRACE_VFORK_DONE C", "ok", "P stopped SIGCHLD", "ok", "C exited 3"),
    ),
    "a-signal-at-the-end-of-vfork-kills-first": (
        (
            "Q: fork P",
            "P: sigprocmask unblock SIGUSR1",
            "P: __clone CLONE_VFORK|SIGUSR1 C",
            "C: exit 3",
            "Q: wait4 P",
        ),
        ("gone", "ok", "P killed SIGUSR1"),
    ),
}


def scenario(name: str) -> Scenario:
    return steps(f"mine/{name}", "SUCCESS", *CASES[name][0])


def logs(name: str) -> tuple[tuple[str, ...], ...]:
    """How the logs that the model allows end."""
    wanted = CASES[name][1]
    return tuple(log[-len(wanted) :] for log in allowed_logs(scenario(name), Options()))


@pytest.mark.parametrize("name", CASES)
def test_the_model_does_as_the_source(name: str) -> None:
    """One log, and it ends as read from the source."""
    assert logs(name) == (CASES[name][1],)


@pytest.fixture(scope="module", params=[1, 2])
def target(request: pytest.FixtureRequest) -> Iterator[GuestTarget]:
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE]), cpus=request.param))
    yield guest
    guest.close()


@needs_kernel
def test_a_kernel_does_so_too(target: GuestTarget) -> None:
    """Each case five times, on one CPU and on two."""
    results = list(Run(target, [scenario(name) for name in CASES] * 5).results())
    assert {result.verdict for result in results} == {Verdict.AGREES}


@needs_kernel
def test_no_process_survives_a_sigkill_during_exec(target: GuestTarget) -> None:
    """A user has no process left over from a scenario that ends in the middle of an exec.

    execve() drops what is pending, SIGKILL too (kern_sig.c, lines 444-464), so who
    clears up has to send it again.
    """
    user = ("P: setrlimit 2 2", "P: setreuid free1 free1")
    held = steps("mine/exec", "SUCCESS", *user, "P: pipe 24 25", "P: fork C", "C: exec 24")
    free = steps("mine/free", "SUCCESS", *user, "P: fork C", "C: exit 0", "P: wait4 C")
    results = list(Run(target, [held, free] * 20).results())
    assert {result.verdict for result in results} == {Verdict.AGREES}


def _newest_first(p: Proc, signo: int) -> None:
    p.p_sigpend |= 1 << signo
    p.p_siginfo.insert(0, signo)


def _keep_the_queue(p: Proc, mask: int = -1) -> None:
    p.p_sigpend &= ~mask


def _tracking_first(kq: Kqueue, cred: Cred, p: Proc | None, notes: int) -> int:
    for kn in reversed(kq.fd_knhash):
        if p is not None and kn.kn_id == p.p_pid:
            kn.kn_sfflags = notes
            return 0
    return kern_event.filt_procattach(kq, cred, p, notes)


BREAKS: dict[str, tuple[str, object, str, object]] = {
    "queue-in-reverse": ("the-first-in-the-queue-is-told-of", kern_sig, "sigput", _newest_first),
    "queue-kept-by-sigcont": (
        "sigcont-takes-the-stop-from-the-queue",
        kern_sig,
        "sigclear",
        _keep_the_queue,
    ),
    "queue-kept-by-ignoring": (
        "ignoring-takes-it-from-the-queue",
        kern_sig,
        "sigclear",
        _keep_the_queue,
    ),
    "oldest-knote-found": (
        "watching-a-newborn-anew-changes-nothing",
        kern_event,
        "kqueue_register",
        _tracking_first,
    ),
    "only-the-living-found": (
        "the-dead-are-found-until-they-are-told-of",
        kern_event,
        "kqueue_register",
        kern_event.filt_procattach,
    ),
    "exec-goes-on-sharing": (
        "exec-has-descriptors-of-its-own",
        kern_descrip,
        "fd_copy",
        lambda k, p: p.p_fd,
    ),
    "niceness-is-kept": ("a-deadly-signal-takes-niceness", kern_sig, "NZERO", NZERO + 20),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_in_the_model_shows(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case that is about the statement gives another log without it."""
    name, module, function, instead = BREAKS[broken]
    monkeypatch.setattr(module, function, instead)
    assert logs(name) != (CASES[name][1],)


_VFORK_CASES = tuple(name for name in CASES if "vfork" in name)


@pytest.mark.parametrize("name", _VFORK_CASES)
def test_without_the_signal_the_end_of_vfork_is_another(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal that comes with the release is the exit signal: without it, none stops or dies."""
    monkeypatch.setattr(kern_exit, "exit_psignal", lambda k, p, pp: None)
    assert logs(name) != (CASES[name][1],)
