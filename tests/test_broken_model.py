"""Every break of the model is a difference, in the clause that was broken, on the live kernel.

What the kernel does stays the same; the model is made to promise something
else.  A suite that then finds nothing would find nothing in a broken kernel
either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from conformance.results.result import Verdict
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.runs.run import Run
from conformance.targets.local import LocalTarget
from reference_model import Scenario
from tests.broken import break_fork
from tests.scenarios import named, steps

_DONE_BEFORE = """    # Preserve synchronization semantics of vfork.
    while l1.l_vforkwaiting:
        yield from k.cv_wait(l1, l1.l_waitcv, k.proc_lock)  # VFORK-WAIT

    # Let the parent know that the child has gone its own way.
    if tracevforkdone(p1, asked):
        p1.p_lock.enter()
        yield from k.eventswitch(l1, TRAP_CHLD, PTRACE_VFORK_DONE, p2.p_pid)  # VFORK-DONE-EVENT
    else:
        k.proc_lock.exit()
"""
_DONE_FIRST = """    if tracevforkdone(p1, asked):
        p1.p_lock.enter()
        yield from k.eventswitch(l1, TRAP_CHLD, PTRACE_VFORK_DONE, p2.p_pid)
        k.proc_lock.enter()
    while l1.l_vforkwaiting:
        yield from k.cv_wait(l1, l1.l_waitcv, k.proc_lock)
    k.proc_lock.exit()
"""
_DONE_MASK = "PTRACE_VFORK_DONE"


@dataclass(frozen=True)
class Break:
    """What is replaced by what, the clause that must be named, and where to look."""

    name: str
    clause: str
    old: str
    new: str
    scenarios: tuple[str, ...]

    @property
    def needs_root(self) -> bool:
        return any(name.startswith("nproc/") for name in self.scenarios)


def _break(name: str, clause: str, old: str, new: str, *scenarios: str) -> Break:
    return Break(name, clause, old, new, scenarios)


BREAKS = [
    # the four system calls
    _break(
        "fork-blocks",
        "SYS-FORK",
        "fork1(k, l, 0, SIGCHLD",
        "fork1(k, l, FORK_PPWAIT, SIGCHLD",
        "vfork/fork/memory",
    ),
    _break(
        "fork-shares-memory",
        "SYS-FORK",
        "fork1(k, l, 0, SIGCHLD",
        "fork1(k, l, FORK_SHAREVM, SIGCHLD",
        "vfork/fork/memory",
    ),
    _break(
        "vfork66-shares-memory",
        "SYS-VFORK-44BSD",
        "fork1(k, l, FORK_PPWAIT, SIGCHLD",
        "fork1(k, l, FORK_PPWAIT | FORK_SHAREVM, SIGCHLD",
        "vfork/vfork/memory",
    ),
    _break(
        "vfork14-copies-memory",
        "SYS-VFORK14",
        "fork1(k, l, FORK_PPWAIT | FORK_SHAREVM, SIGCHLD",
        "fork1(k, l, FORK_PPWAIT, SIGCHLD",
        "vfork/__vfork14/memory",
    ),
    # __clone's checks and flags
    _break(
        "sighand-without-vm-passes",
        "CLONE-SIGHAND-NEEDS-VM",
        "if uap_flags & CLONE_SIGHAND and uap_flags & CLONE_VM == 0:",
        "if False:",
        "validation/0x0000080*",
    ),
    _break(
        "refused-too-late",
        "CLONE-CHECK-ORDER",
        "return EINVAL  # CLONE-SIGHAND-NEEDS-VM",
        "return (yield from fork1(k, l, 0, 20, None, 0, None, None, retval)) or EINVAL",
        "validation/0x00000814",
    ),
    _break(
        "unknown-bits-are-refused",
        "CLONE-UNKNOWN-BITS",
        "flags = 0  # CLONE-UNKNOWN-BITS",
        "flags = 0\n    if uap_flags >> 15:\n        return EINVAL",
        "validation/0x00100014",
        "validation/0x00080014",
    ),
    _break(
        "clone-vm-is-forgotten",
        "CLONE-VM",
        "flags |= FORK_SHAREVM  # CLONE-VM",
        "pass",
        "vfork/clone-vm/memory",
    ),
    _break(
        "clone-vfork-is-forgotten",
        "CLONE-VFORK",
        "flags |= FORK_PPWAIT  # CLONE-VFORK",
        "pass",
        "vfork/clone-vfork/memory",
    ),
    _break(
        "clone-fs-shares-files",
        "CLONE-FS",
        "flags |= FORK_SHARECWD  # CLONE-FS",
        "flags |= FORK_SHAREFILES",
        "sharing/0x00200/directory",
        "sharing/0x00300/umask",
    ),
    _break(
        "clone-files-shares-directory",
        "CLONE-FILES",
        "flags |= FORK_SHAREFILES  # CLONE-FILES",
        "flags |= FORK_SHARECWD",
        "sharing/0x00400/descriptor-*",
    ),
    _break(
        "clone-sighand-is-forgotten",
        "CLONE-SIGHAND",
        "flags |= FORK_SHARESIGS  # CLONE-SIGHAND",
        "pass",
        "sharing/0x00900/dispositions",
    ),
    _break(
        "exit-signal-mask",
        "CLONE-CSIGNAL",
        "sig = uap_flags & CLONE_CSIGNAL",
        "sig = uap_flags & 0x1F",
        "exitsignal/arrives/32",
    ),
    _break(
        "stack-is-dropped",
        "CLONE-STACK",
        "fork1(k, l, flags, sig, uap_stack,",
        "fork1(k, l, flags, sig, None,",
        "sharing/0x00100/stack-given",
    ),
    # limits
    _break(
        "limit-off-by-one",
        "NPROC-LIMIT",
        "if count > p1.p_rlimit",
        "if count >= p1.p_rlimit",
        "nproc/user/fork/*",
    ),
    _break(
        "limit-off-by-one-other-way",
        "NPROC-LIMIT",
        "if count > p1.p_rlimit",
        "if count > 1 + p1.p_rlimit",
        "nproc/user/clone/*",
    ),
    _break(
        "hard-limit-counts",
        "NPROC-LIMIT",
        "p1.p_rlimit[RLIMIT_NPROC][0]",
        "p1.p_rlimit[RLIMIT_NPROC][1]",
        "nproc/soft-and-hard/*",
    ),
    _break(
        "refusal-keeps-the-count",
        "NPROC-ROLLBACK",
        "k.chgproccnt(uid, -1)  # NPROC-ROLLBACK",
        "pass",
        "nproc/freed/after-many-refusals",
    ),
    _break(
        "effective-user-is-counted",
        "NPROC-COUNTS-REAL-UID",
        "uid = l1.l_cred.cr_uid",
        "uid = l1.l_cred.cr_euid",
        "nproc/uid/effective-does-not-count",
    ),
    _break(
        "root-has-limits",
        "NPROC-BYPASS",
        "if k.kauth_authorize_process_rlimit_bypass(l1.l_cred) != 0:",
        "if True:",
        "nproc/uid/root-bypasses",
    ),
    _break(
        "child-is-root",
        "CREDENTIALS",
        "k.kauth_proc_fork(p1, p2)",
        "p2.p_cred = type(p1.p_cred)(0, 0)",
        "nproc/uid/child-has-the-credentials",
    ),
    # what the child has
    _break(
        "pending-signals-go-along",
        "NO-PENDING-SIGNALS",
        "p2.p_sigpend = 0 ",
        "p2.p_sigpend = p1.p_sigpend ",
        "sharing/0x00000/pending",
    ),
    _break(
        "children-go-along",
        "FRESH-LISTS",
        "p2.p_children = []",
        "p2.p_children = list(p1.p_children)",
        "vfork/fork/siblings-unseen",
    ),
    _break(
        "no-process-flag-goes-along",
        "FLAGS-INHERITED",
        "p1.p_flag & (PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32)",
        "0",
        "exitsignal/ignored-sigchld-inherited",
    ),
    _break(
        "descriptors-are-always-copied",
        "CLONE-FILES",
        "if flags & FORK_SHAREFILES:\n        k.fd_share",
        "if False:\n        k.fd_share",
        "sharing/0x00400/descriptor-closed",
    ),
    _break(
        "descriptors-are-never-copied",
        "FILES",
        "p2.p_fd = k.fd_copy(p1)",
        "p2.p_fd = k.fd_init()",
        "sharing/0x00000/offset",
    ),
    _break(
        "directory-is-always-shared",
        "CWD",
        "if flags & FORK_SHARECWD:",
        "if True:",
        "sharing/0x00000/umask",
    ),
    _break(
        "limits-are-shared-for-writing",
        "LIMITS",
        "if not p1_lim.pl_writeable:",
        "if True:",
        "sharing/0x00000/limits",
    ),
    _break(
        "memory-is-always-shared",
        "ADDRESS-SPACE",
        "bool(flags & FORK_SHAREVM)",
        "True",
        "sharing/0x00000/memory",
    ),
    _break(
        "dispositions-are-always-shared",
        "SIGNAL-ACTIONS",
        "k.sigactsinit(p1, flags & FORK_SHARESIGS)",
        "k.sigactsinit(p1, True)",
        "sharing/0x00000/dispositions",
    ),
    _break(
        "signal-mask-is-lost",
        "LWP",
        "        l1.l_sigmask,\n",
        "        0,\n",
        "sharing/0x00000/pending",
    ),
    _break(
        "child-is-inits",
        "PARENT",
        "p2.p_ppid = parent.p_pid",
        "p2.p_ppid = k.initproc.p_pid",
        "vfork/fork/until-exit",
    ),
    _break(
        "exit-signal-is-always-sigchld",
        "EXIT-SIGNAL",
        "p2.p_exitsig = exitsig",
        "p2.p_exitsig = SIGCHLD",
        "exitsignal/waits/30/*",
    ),
    # what the parent sees
    _break(
        "vfork-does-not-block",
        "VFORK-WAIT",
        "l1.l_vforkwaiting = True",
        "l1.l_vforkwaiting = False",
        "vfork/__vfork14/until-exit",
        "vfork/vfork/until-killed",
    ),
    _break(
        "second-register",
        "RETURN-VALUES",
        "retval[1] = 0",
        "retval[1] = 1",
        "vfork/fork/retval",
    ),
    # what the tracer sees
    _break(
        "vfork-wants-fork-events",
        "TRACE-FORK-WHEN",
        "and flags & FORK_PPWAIT == 0  # TRACE-FORK-WHEN",
        "",
        "trace/birth/vfork/PTRACE_FORK/through",
    ),
    _break(
        "fork-wants-vfork-events",
        "TRACE-VFORK-WHEN",
        "and flags & FORK_PPWAIT != 0  # TRACE-VFORK-WHEN",
        "",
        "trace/attach/fork/PTRACE_VFORK/through",
    ),
    _break(
        "done-needs-the-vfork-event",
        "TRACE-VFORK-DONE-WHEN",
        "p.p_slflag & (PSL_TRACEVFORK_DONE | PSL_TRACED) == (PSL_TRACEVFORK_DONE | PSL_TRACED)",
        "p.p_slflag & (PSL_TRACEVFORK | PSL_TRACED) == (PSL_TRACEVFORK | PSL_TRACED)",
        f"trace/birth/vfork/{_DONE_MASK}/through",
    ),
    _break(
        "done-before-the-wait",
        "TRACE-VFORK-DONE-WHEN",
        _DONE_BEFORE,
        _DONE_FIRST,
        f"trace/birth/vfork/{_DONE_MASK}/through",
    ),
    _break(
        "done-names-the-parent",
        "VFORK-DONE-EVENT",
        "PTRACE_VFORK_DONE, p2.p_pid",
        "PTRACE_VFORK_DONE, p1.p_pid",
        f"trace/birth/vfork/{_DONE_MASK}/through",
    ),
    _break(
        "parents-event-is-swapped",
        "TRACE-PARENT-EVENT",
        "PTRACE_FORK if tracefork(p1, asked) else PTRACE_VFORK",
        "PTRACE_VFORK if tracefork(p1, asked) else PTRACE_FORK",
        "trace/birth/fork/PTRACE_FORK/through",
    ),
    _break(
        "childs-event-is-swapped",
        "CHILD-EVENT",
        "PTRACE_VFORK if p.p_lflag & PL_PPWAIT else PTRACE_FORK",
        "PTRACE_FORK if p.p_lflag & PL_PPWAIT else PTRACE_VFORK",
        "trace/birth/fork/PTRACE_FORK/through",
    ),
    _break(
        "child-names-the-grandparent",
        "CHILD-EVENT",
        "p2.p_oppid = p1.p_pid",
        "p2.p_oppid = p1.p_pptr.p_pid",
        "trace/birth/fork/PTRACE_FORK/through",
    ),
    _break(
        "child-is-not-the-tracers",
        "TRACE-FORK-WHEN",
        "k.proc_changeparent(p2, p1.p_pptr)",
        "pass",
        "trace/birth/fork/PTRACE_FORK/through",
    ),
    _break(
        "forker-is-asked-first-and-the-child-is-not-the-tracers",
        "TRACE-REPARENT",
        "k.proc_changeparent(p2, p1.p_pptr)",
        "pass",
        "lattice/related/clone-vm/PTRACE_FORK/sigchld-taken",
    ),
    _break(
        "child-inherits-the-tracer",
        "TRACE-STATE-NOT-INHERITED",
        "p2.p_slflag = 0 ",
        "p2.p_slflag = p1.p_slflag ",
        "trace/birth/fork/0/through",
    ),
    _break(
        "child-is-in-no-group",
        "PROCESS-LISTS",
        "members.insert(members.index(p1) + 1, p2)",
        "pass",
        "groups/kill/roots-and-child",
    ),
    _break(
        "another-exit-signal",
        "EXIT-SIGNAL",
        "p2.p_exitsig = exitsig",
        "p2.p_exitsig = 0",
        "waiting/fork/only-looks",
    ),
    _break(
        "traced-childs-ppid-is-the-tracer",
        "ORIGINAL-PARENT",
        "p2.p_slflag |= PSL_TRACEDCHILD",
        "p2.p_slflag |= PSL_TRACEDCHILD\n        p2.p_ppid = p1.p_pptr.p_pid",
        "trace/birth/fork/PTRACE_FORK/through",
    ),
]


def run(local: LocalTarget, scenarios: Sequence[Scenario]) -> Summary:
    """Run and judge scenarios on the kernel that we are on."""
    run = Run(local, scenarios)
    for _ in run.results():
        pass
    return run.close()


@pytest.mark.parametrize("broken", BREAKS, ids=lambda b: b.name)
def test_a_break_is_a_difference_in_its_clause(
    broken: Break, local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run on the live kernel reports a difference that names the clause, each time anew."""
    if broken.needs_root and os.geteuid() != 0:
        pytest.skip("needs root, to become a user who has no processes")
    break_fork(monkeypatch, broken.old, broken.new)
    summary = run(local, named(*broken.scenarios))
    assert broken.clause in {result.clause for result in summary.differences}
    assert all(result.times == (3, 3) for result in summary.differences)
    assert exit_status(summary) == 1


def test_the_unbroken_model_has_no_difference_on_the_same_scenarios(local: LocalTarget) -> None:
    """What the breaks were seen in is decided, and right, as long as nothing is broken."""
    patterns = dict.fromkeys(pattern for b in BREAKS for pattern in b.scenarios)
    summary = run(local, named(*patterns))
    assert summary.by_verdict[Verdict.DIFFERENCE] == 0
    assert set(summary.reasons) <= {
        "needs root, to become a user who has no processes: run as root"
    }


def test_replacing_a_text_by_itself_breaks_nothing(
    local: LocalTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the changed text that makes the difference, not the way it is put in."""
    text = "p2.p_exitsig = exitsig"
    break_fork(monkeypatch, text, text)
    summary = run(local, named("vfork/fork/*", "trace/birth/vfork/PTRACE_VFORK/*"))
    assert summary.by_verdict[Verdict.DIFFERENCE] == 0


def test_a_kernel_that_gets_stuck_again_and_again_stops_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the model says returns at once is held for good: after two the run knows enough."""
    break_fork(monkeypatch, "l1.l_vforkwaiting = True", "l1.l_vforkwaiting = False")
    held = [
        steps(f"mine/{n}", "VFORK-WAIT", "P: vfork C", "P: getppid", f"C: exit {n}")
        for n in range(5)
    ]
    local = LocalTarget(patience=0.3)
    run = Run(local, held, max_stuck=2)
    for _ in run.results():
        pass
    local.close()
    summary = run.close()
    assert [result.clause for result in summary.differences] == ["VFORK-WAIT"] * 2
    assert summary.reasons == {
        "stopped after 2 scenarios that hung or panicked: --max-stuck 0 goes on": 3
    }
    assert exit_status(summary) == 1
