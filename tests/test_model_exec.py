"""What the model says of exec: its errors, and that a scenario notices each of its effects."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from conformance.commands.choice import KERNEL_VARIABLE
from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios.families import FAMILIES
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.local import LocalTarget
from reference_model import (
    Options,
    allowed_logs,
    kern_descrip,
    kern_event,
    kern_exec,
    kern_ktrace,
    kern_lwp,
    kern_sig,
    uvm_glue,
    vfs_cwd,
)
from reference_model.races import find_race
from tests.broken import break_module
from tests.scenarios import named, steps
from vm.qemu import QEMU

needs_kernel = pytest.mark.skipif(
    KERNEL_VARIABLE not in os.environ or shutil.which(QEMU) is None,
    reason=f"needs a NetBSD/amd64 kernel named by {KERNEL_VARIABLE}, and {QEMU}",
)

#: Each effect of exec: the module, the statement, what replaces it, a scenario that notices.
BREAKS: dict[str, tuple[ModuleType, str, str, str]] = {
    "limit": (kern_exec, "return EAGAIN", "pass", "exec/refused-over-the-limit"),
    "limit-for-root": (
        kern_exec,
        "and kauth_authorize_process_rlimit_bypass(k, l.l_cred)",
        "",
        "exec/no-limit-for-root",
    ),
    "limit-without-sugid": (
        kern_exec,
        "p.p_flag & PK_SUGID\n        and kauth",
        "kauth",
        "exec/fork/refused-in-child",
    ),
    "missing": (kern_exec, '"missing": ENOENT', '"missing": EACCES', "exec/fork/failing"),
    "directory": (kern_exec, '"directory": EACCES', '"directory": ENOENT', "exec/fork/failing"),
    "other-lwps": (
        kern_exec,
        "yield from exit_lwps(k, l)",
        "pass",
        "exec/second-lwp/while-the-first-waits",
    ),
    "control-block": (
        kern_lwp,
        "        l.l_lwpctl, l.l_lcpage = None, False\n",
        "        pass\n",
        "exec/clone-sighand/own-control-block",
    ),
    "memory-stays-shared": (
        uvm_glue,
        "        p.p_vmspace.vm_refcnt -= 1\n        p.p_vmspace = Vmspace()\n        return\n",
        "        return\n",
        "exec/__vfork14/memory",
    ),
    "memory-is-kept": (
        uvm_glue,
        "    p.p_vmspace.word, p.p_vmspace.page, p.p_vmspace.lwpctl = 0, MapEntry(), None\n",
        "",
        "exec/fork/memory",
    ),
    "directory-stays-shared": (vfs_cwd, "p.p_cwdi = cwdi", "pass", "exec/clone-fs/directory"),
    "table-stays-shared": (kern_descrip, "p.p_fd = table", "pass", "exec/clone-files/table"),
    "close-on-exec": (
        kern_descrip,
        "if descriptor.ff_exclose:",
        "if False:",
        "exec/fork/close-on-exec-in-child",
    ),
    "close-on-fork": (
        kern_descrip,
        "            descriptor.ff_foclose = False\n",
        "            pass\n",
        "exec/fork/close-on-fork",
    ),
    "actions-stay-shared": (
        kern_sig,
        "        p.p_sigacts = Sigacts(dict(p.p_sigacts.sa_sigdesc))\n",
        "        pass\n",
        "exec/clone-sighand/shared-actions",
    ),
    "caught": (
        kern_sig,
        '        p.p_sigacts.sa_sigdesc[signo] = "default"\n',
        "        pass\n",
        "exec/fork/actions",
    ),
    "default-ignored": (
        kern_sig,
        "ctx.ps_sigignore |= 1 << signo",
        "pass",
        "exec/fork/ignored-sets",
    ),
    "ignored-pending": (
        kern_sig,
        "sigclear(p, ignored)",
        "sigclear(p, 0)",
        "exec/fork/pending",
    ),
    "nocldwait": (
        kern_sig,
        "p.p_flag &= ~(PK_NOCLDWAIT | PK_CLDSIGIGN)\n    if p.p_sig",
        "pass\n    if p.p_sig",
        "exec/fork/nocldwait",
    ),
    "sigchld-ignored": (
        kern_sig,
        '        p.p_sigacts.sa_sigdesc[SIGCHLD] = "default"\n    # Lines 430',
        "        pass\n    # Lines 430",
        "exec/fork/ignored-children",
    ),
    "signal-stack": (kern_sig, "    l.l_sigstk = None\n", "", "exec/fork/signal-stack"),
    "accounting": (kern_exec, "p.p_acflag &= ~AFORK", "pass", "exec/fork/accounting"),
    "exec-flag": (kern_exec, "p.p_flag |= PK_EXEC", "pass", "exec/fork/changed-user"),
    "changed-user": (kern_exec, "p.p_flag &= ~PK_SUGID", "pass", "exec/fork/changed-user"),
    "ras": (kern_exec, "p.p_raslist = None", "pass", "exec/fork/ras"),
    "profiling": (kern_exec, "p.p_stflag &= ~PST_PROFIL", "pass", "exec/fork/profiled"),
    "vfork-goes-on": (kern_exec, "vfork_release(k, p)", "pass", "exec/vfork/ppwait"),
    "private": (kern_exec, "l.l_private = None", "pass", "exec/fork/private"),
    "knote": (kern_event, "kn.kn_sfflags & NOTE_EXEC", "0", "exec/fork/watched"),
    "emulation": (
        kern_ktrace,
        "def ktremul(p: Proc) -> None:\n",
        "def ktremul(p: Proc) -> None:\n    return\n",
        "exec/fork/recorded",
    ),
    "trap": (
        kern_exec,
        "yield from eventswitch(k, l, TRAP_EXEC, 0, 0)",
        "p.p_lock.exit()\n        k.proc_lock.exit()",
        "exec/traced-in-vforked-child",
    ),
    "trap-says-exec": (kern_exec, "l, TRAP_EXEC, 0, 0", "l, 0, 0, 0", "exec/fork/traced-by-parent"),
    "stopexec": (kern_exec, "if p.p_sflag & PS_STOPEXEC:", "if False:", "exec/fork/stopexec"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_scenario_notices_the_broken_effect(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, old, new, name = BREAKS[broken]
    [scenario] = named(name)
    expected = set(allowed_logs(scenario, Options()))
    break_module(monkeypatch, module, old, new)
    for name in vars(kern_exec).keys() & vars(module).keys():
        if callable(getattr(module, name)):  # kern_exec.py has imported the whole function
            monkeypatch.setattr(kern_exec, name, getattr(module, name))
    try:
        seen = set(allowed_logs(scenario, Options()))
    except AssertionError:
        return  # the model notices the state itself
    assert not seen & expected


def test_a_search_of_failing_execs_goes_on_in_vfork(local: LocalTarget) -> None:
    """The parent is blocked until one of them succeeds."""
    search = steps(
        "mine/search",
        "VFORK-WAIT",
        "P: store 1",
        "P: __vfork14 C",
        "C: exec missing",
        "C: exec belowfile",
        "C: exec directory",
        "C: store 2",
        "C: exec self",
        "P: load",
        "C: load",
        "C: exit 3",
        "P: wait4 C",
    )
    [log] = allowed_logs(search, Options())
    errors = ("ENOENT", "ENOTDIR", "EACCES")
    assert log == (*("ok", "C blocked 6", *errors, "ok", "ok", "2", "0", "ok", "C exited 3"),)
    [result] = Run(local, [search]).results()
    assert result.verdict is Verdict.AGREES


@pytest.mark.parametrize(
    "name",
    [
        "traced-in-vforked-child",
        "refused-over-the-limit",
        "step-over-too-early",
        "forgets-nocldwait",
    ],
)
def test_a_case_from_a_report_is_decided(name: str) -> None:
    [scenario] = named(f"exec/{name}")
    assert find_race(scenario, Options()) is None


@needs_kernel
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_kernel_execs_as_the_model_does(cpus: int) -> None:
    scenarios = FAMILIES["exec"].scenarios()
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE]), cpus=cpus))
    try:
        results = list(Run(guest, scenarios).results())
    finally:
        guest.close()
    assert {result.verdict for result in results} == {Verdict.AGREES}
