"""Runs a scenario on the model: what each step observes, and every order that is open.

An observation is one short text, in the grammar that the probe speaks too
(docs/language.md).  A log has one observation for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reference_model import kern_exit, kern_fork, kern_lwp, kern_sig, sys_ptrace
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    AFORK,
    EPERM,
    ERRNO_NAMES,
    ESRCH,
    LSONPROC,
    LSSTOP,
    LSZOMB,
    PK_EXEC,
    PL_PPWAIT,
    PS_STOPEXEC,
    PST_PROFIL,
    PT_ATTACH,
    PT_CONTINUE,
    PT_DETACH,
    PT_KILL,
    PTRACE_EVENTS,
    RLIMIT_NPROC,
    SACTIVE,
    SIDL,
    SIGSTOP,
    SIGTRAP,
    SSTOP,
    TRAP_CHLD,
    WAIT_OPTIONS,
    SYS_fork,
    names_of,
    signal_name,
    signal_number,
)
from reference_model.language.observation import Log
from reference_model.language.scenario import (
    ANONYMOUS,
    FORKS,
    Scenario,
    Step,
    bits_value,
    flags_value,
    signals_value,
)
from reference_model.looks import CallError, Looks, ok
from reference_model.proc import RLIM_INFINITY, File, Lwp, Pipe, Proc, Sleeping, Vmspace
from reference_model.state import Options

#: More open orders than this in one scenario is a mistake of the scenario's.
MAX_ORDERS = 4096

_SYSCALLS: dict[str, Callable[[Kernel, Lwp, list[int]], Sleeping]] = {
    "fork": kern_fork.sys_fork,
    "vfork": kern_fork.sys_vfork,
    "__vfork14": kern_fork.sys___vfork14,
}


def predict(scenario: Scenario, options: Options) -> Log:
    """One log that the source allows: the only one, where it leaves nothing open."""
    return Machine(scenario.roots(), Kernel(options), traced=scenario.traced).run(scenario.steps)


def allowed_logs(scenario: Scenario, options: Options) -> tuple[Log, ...]:
    """Every log that the source allows, the first of them :func:`predict`'s.

    Raises ``OverflowError`` where more than :data:`MAX_ORDERS` orders are open.
    """
    return tuple(dict.fromkeys(_orders(scenario, options)))


def _orders(scenario: Scenario, options: Options) -> Iterator[Log]:
    todo: list[tuple[int, ...]] = [()]
    tried = 0
    roots = scenario.roots()
    while todo:
        choices = todo.pop()
        kernel = Kernel(options, choices)
        yield Machine(roots, kernel, traced=scenario.traced).run(scenario.steps)
        tried += 1
        if tried > MAX_ORDERS:
            raise OverflowError(f"{scenario.name}: more than {MAX_ORDERS} orders are open")
        for position in range(len(choices), len(kernel.widths)):
            prefix = choices + (0,) * (position - len(choices))
            todo.extend((*prefix, other) for other in range(1, kernel.widths[position]))


def _uid(text: str) -> int:
    """``free1`` and ``free2`` are user IDs that nobody else has; which ones makes no difference."""
    return 61000 + int(text[4:]) if text.startswith("free") else int(text)


def errno_name(error: int) -> str:
    return ERRNO_NAMES[error]


def _signal_names(signals: int) -> str:
    """``SIGCHLD|SIGUSR1`` for a set of signals, bit n for signal n; ``0`` for none."""
    return "|".join(signal_name(n) for n in range(1, 64) if signals & 1 << n) or "0"


def _lives(l: Lwp) -> bool:
    return l.l_proc.p_stat in (SACTIVE, SSTOP) and l.l_stat != LSZOMB


class Machine(Looks):
    """One scenario on one kernel, step by step."""

    def __init__(self, roots: Iterable[str], kernel: Kernel, *, traced: bool = False) -> None:
        """*traced*: the scenario has a tracer, so that nobody asks how long a call was held."""
        super().__init__()
        self.k = kernel
        self.traced = traced
        self.lwps: dict[str, Lwp] = {}
        self.names: dict[int, str] = {kernel.initproc.p_pid: "init"}
        self.steps: list[Step] = []
        self.log: list[str | None] = []
        self.newborn: dict[Proc, str] = {}
        self.programs: list[tuple[Lwp, Callable[[Lwp], Sleeping]]] = []
        self.retval1: dict[Lwp, int | None] = {}
        self.replaced: set[str] = set()
        kernel.fork_hooks.append(self._born)
        for root in roots:
            proc = kernel.new_root()
            self.lwps[root] = proc.p_lwps[0]
            self.names[proc.p_pid] = root

    def run(self, steps: Sequence[Step]) -> Log:
        """Take all steps; one observation for each."""
        for step in steps:
            if not self.take(step):
                break
        seen = [
            self._without_result(i) if word is None else word for i, word in enumerate(self.log)
        ]
        return (*seen, *["not reached"] * (len(steps) - len(seen)))

    def take(self, step: Step) -> bool:
        """Take one step, whose observation is added to ``log``; False where it is stuck.

        The observation is None until the call has returned.
        """
        index = len(self.steps)
        self.steps.append(step)
        self.log.append(None)
        l = self.lwps.get(step.actor)
        if l is None or not _lives(l):
            self.log[index] = "gone"
        elif not self.can_act(step.actor):
            self.log[index] = "stuck"
            return False
        else:
            self.k.start(l, self._step(index, step, l))
            self._settle()
        return True

    def alive(self) -> list[str]:
        """The actors that have been born and have not ended."""
        return [name for name, l in self.lwps.items() if name != ANONYMOUS and _lives(l)]

    def can_act(self, name: str) -> bool:
        """Whether the actor, which is alive, could take a step now."""
        l = self.lwps[name]
        return l.l_task is None and l.l_stat == LSONPROC and name not in self.replaced

    def _without_result(self, index: int) -> str:
        """What is said of a step that has not returned when the scenario ends."""
        l = self.lwps[self.steps[index].actor]
        return "unfinished" if _lives(l) else "gone"

    def _settle(self) -> None:
        """Let everything run that can, the children's own programs included."""
        while True:
            self.k.settle()
            ready = [entry for entry in self.programs if entry[0].l_task is None]
            if not ready:
                return
            for entry in ready:
                self.programs.remove(entry)
                l, program = entry
                if l.l_stat == LSONPROC:
                    self.k.start(l, program(l))

    def _born(self, p2: Proc, p1: Proc) -> None:
        """A fork hook: the newborn gets the name that the scenario has for it."""
        name = self.newborn[p1]
        self.names[p2.p_pid] = name
        l2 = p2.p_lwps[0]
        self.lwps[name] = l2
        if name == ANONYMOUS:
            self.programs.append((l2, self._exit_at_once))

    def _exit_at_once(self, l: Lwp) -> Sleeping:
        yield from kern_exit.exit1(self.k, l, 0, 0)

    def _trace_me_and_stop(self, l: Lwp) -> Sleeping:
        sys_ptrace.ptrace_traceme(self.k, l.l_proc)
        kern_sig.kpsignal(self.k, l.l_proc, SIGSTOP)
        yield from self.k.userret(l)

    # -- one step ------------------------------------------------------------

    def _step(self, index: int, step: Step, l: Lwp) -> Sleeping:
        """The system call of *step*, and the way back to user mode."""
        verb = step.verb
        if verb in FORKS:
            seen = yield from self._fork(step, l)
        elif verb == "spawn":
            self.newborn[l.l_proc] = step.args[0]
            error = yield from kern_fork.sys_fork(self.k, l, [0, 0])
            if not error:
                self.programs.append((self.lwps[step.args[0]], self._trace_me_and_stop))
            seen = errno_name(error) if error else step.args[0]
        elif verb == "wait4":
            seen = yield from self._wait4(step, l)
        elif verb == "records":
            try:
                seen = yield from self._read_records(l, *step.args)
            except CallError as refusal:
                seen = errno_name(refusal.error)
        elif verb == "_lwp_create":
            l2 = kern_lwp.sys__lwp_create(self.k, l)
            self.lwps[step.args[0]] = l2
            self.names[l2.l_lid] = step.args[0]
            seen = "ok"
        elif verb == "_lwp_ctl":
            error = kern_lwp.lwp_ctl_alloc(l)
            seen = errno_name(error) if error else "ok"
        elif verb == "_lwp_exit":
            self.log[index] = "ok"
            yield from self.k.lwp_exit(l)
        elif verb == "exec":
            self.log[index] = seen = "ok"
            self.replaced.add(step.actor)
            yield from self._exec(l, *step.args)
        elif verb == "exit":
            self.log[index] = "ok"
            yield from kern_exit.exit1(self.k, l, int(step.args[0]) & 0xFF, 0)
            raise AssertionError("exit1 returned")
        else:
            method = getattr(self, "_" + verb)
            try:
                seen = method(l, *step.args)
            except CallError as refusal:
                seen = errno_name(refusal.error)
        yield from self.k.userret(l)
        now = len(self.steps) - 1
        if verb in FORKS and now > index and not self.traced:
            seen = f"{seen} held {now}"
        self.log[index] = seen

    def _proc(self, name: str) -> Proc | None:
        return self.lwps[name].l_proc if name in self.lwps else None

    def _fork(self, step: Step, l: Lwp) -> Sleeping:
        child = step.child
        assert child is not None
        self.newborn[l.l_proc] = child
        retval = [0, -1]
        since = self.k.microtime
        if step.verb == "__clone":
            stack = "own" if len(step.args) > 2 else None
            error = yield from kern_fork.sys___clone(
                self.k, l, flags_value(step.args[0]), stack, retval
            )
        else:
            error = yield from _SYSCALLS[step.verb](self.k, l, retval)
        self.took[l.l_proc] = self.k.microtime - since
        self.retval1[l] = None if error else retval[1]
        if step.verb == "fork":
            self.k.ktrsysret(l, SYS_fork, error, retval[0])
        return errno_name(error) if error else self.names[retval[0]]

    def _wait4(self, step: Step, l: Lwp) -> Sleeping:
        whom = step.args[0]
        pid = kern_exit.WAIT_ANY if whom == "any" else self._pid(whom)
        options = bits_value(WAIT_OPTIONS, step.args[1]) if len(step.args) > 1 else 0
        error, child, status = yield from kern_exit.sys___wait450(self.k, l, pid, options)
        if error:
            return errno_name(error)
        if child is None:
            return "none"
        name, (how, value) = self.names[child.p_pid], status
        match how:
            case "exited":
                return f"{name} exited {value}"
            case "continued":
                return f"{name} continued"
            case _:
                return f"{name} {how} {signal_name(value)}"

    # -- steps that do not sleep, by verb ------------------------------------

    def _retval1(self, l: Lwp) -> str:
        value = self.retval1.get(l)
        return "none" if value is None else f"{value:#x}" if value else "0"

    def _stack(self, l: Lwp) -> str:
        return "given" if l.l_stack is not None else "kept"

    def _exec(self, l: Lwp, fd: str) -> Sleeping:
        """The new program reads *fd* until its end, then exits with status 7.

        kern_exec.c: with PS_STOPEXEC it is stopped before its first instruction.
        """
        p = l.l_proc
        if p.p_nlwps > 1:
            yield from kern_exit.exit_lwps(self.k, l)
        if p.p_vmspace.vm_refcnt > 1:
            p.p_vmspace.vm_refcnt -= 1
            p.p_vmspace = Vmspace()
        if p.p_fd.fd_refcnt > 1:  # kern_descrip.c, fd_closeexec(), line 1774
            table = self.k.fd_copy(p)
            self.k.fd_free(p)
            p.p_fd = table
        p.p_flag |= PK_EXEC
        p.p_acflag &= ~AFORK
        p.p_raslist = None
        p.p_stflag &= ~PST_PROFIL
        if p.p_lflag & PL_PPWAIT:
            self.k.vfork_release(p)
        descriptor = l.l_fd.fd_dt.get(int(fd))
        pipe = descriptor.ff_file.f_pipe if descriptor else None
        if p.p_sflag & PS_STOPEXEC:
            p.p_pptr.p_nstopchild += 1
            p.p_waited = 0
            p.p_stat = SSTOP
            p.p_nrlwps -= 1
            l.l_stat = LSSTOP
            yield
        self.programs.append((l, lambda l: self._read_to_the_end(l, pipe)))

    def _read_to_the_end(self, l: Lwp, pipe: Pipe | None) -> Sleeping:
        while pipe is not None and pipe.open_for_writing:
            if (yield from self.k.cv_wait_sig(l, pipe.readers)):
                yield from self.k.userret(l)
        yield from kern_exit.exit1(self.k, l, 7, 0)

    def _getppid(self, l: Lwp) -> str:
        return self.names[l.l_proc.p_ppid]

    def _kill(self, l: Lwp, name: str, signal: str) -> str:
        """sys_sig.c kill1(), lines 248-267: the dead can be sent signals until they are reaped."""
        p = self._proc(name)
        if p is None or p.p_stat == SIDL:
            return errno_name(ESRCH)
        if p.p_stat not in (SACTIVE, SSTOP):
            return "ok"
        mine, theirs = l.l_cred, p.p_cred
        if mine.cr_euid != 0 and not {mine.cr_uid, mine.cr_euid} & {theirs.cr_uid, theirs.cr_euid}:
            return errno_name(EPERM)
        kern_sig.kpsignal(self.k, p, signal_number(signal))
        return "ok"

    def _store(self, l: Lwp, value: str) -> str:
        l.l_proc.p_vmspace.word = int(value)
        return "ok"

    def _load(self, l: Lwp) -> str:
        return str(l.l_proc.p_vmspace.word)

    def _open(self, l: Lwp, fd: str) -> str:
        self.k.fd_put(l.l_fd, int(fd), File())
        return fd

    def _close(self, l: Lwp, fd: str) -> str:
        return ok(self.k.fd_close(l.l_fd, int(fd)))

    def _dup2(self, l: Lwp, old: str, new: str) -> str:
        descriptor = self._descriptor(l, old)
        if old != new:
            descriptor.ff_file.f_count += 1
            self.k.fd_put(l.l_fd, int(new), descriptor.ff_file)
        return new

    def _pipe(self, l: Lwp, read: str, write: str) -> str:
        self.k.fd_pipe(l.l_fd, int(read), int(write))
        return "ok"

    def _lseek(self, l: Lwp, fd: str, offset: str) -> str:
        self._descriptor(l, fd).ff_file.f_offset = int(offset)
        return offset

    def _tell(self, l: Lwp, fd: str) -> str:
        return str(self._descriptor(l, fd).ff_file.f_offset)

    def _chdir(self, l: Lwp, path: str) -> str:
        l.l_proc.p_cwdi.cwdi_cdir = path
        return "ok"

    def _getcwd(self, l: Lwp) -> str:
        path: str = l.l_proc.p_cwdi.cwdi_cdir
        return path

    def _umask(self, l: Lwp, mask: str) -> str:
        cwdi = l.l_proc.p_cwdi
        old, cwdi.cwdi_cmask = cwdi.cwdi_cmask, int(mask, 8)
        return f"0{old:o}" if old else "0"

    def _sigaction(self, l: Lwp, signal: str, new: str | None = None) -> str:
        error, old = kern_sig.sigaction1(l.l_proc, signal_number(signal), new)
        return errno_name(error) if error else old

    def _sigprocmask(self, l: Lwp, how: str, signal: str) -> str:
        bit = 1 << signal_number(signal) & ~kern_sig.sigcantmask
        if how == "block":
            l.l_sigmask |= bit
        else:
            l.l_sigmask &= ~bit
            # sys_sig.c, lines 617-624: what a tracee ignores stays pending, and nobody looks.
            if kern_sig.sigispending(l):
                l.l_pendsig = True
        return "ok"

    def _sigpending(self, l: Lwp) -> str:
        pending = l.l_sigpend | l.l_proc.p_sigpend
        return _signal_names(pending)

    def _limit(self, text: str) -> int:
        if text == "inf":
            return RLIM_INFINITY
        if text.startswith("count"):
            return self.k.options.user_count + int(text[5:])
        return int(text)

    def _setrlimit(self, l: Lwp, cur: str, maximum: str) -> str:
        return ok(self.k.setrlimit(l, self._limit(cur), self._limit(maximum)))

    def _getrlimit(self, l: Lwp) -> str:
        def show(value: int) -> str:
            return "inf" if value == RLIM_INFINITY else str(value)

        cur, maximum = l.l_proc.p_rlimit[RLIMIT_NPROC]
        return f"{show(cur)} {show(maximum)}"

    def _setreuid(self, l: Lwp, ruid: str, euid: str) -> str:
        return ok(self.k.setreuid(l, _uid(ruid), _uid(euid)))

    # -- a tracer's steps ----------------------------------------------------

    def _ptrace(self, l: Lwp, request: int, name: str) -> Proc:
        """The process that *request* may be made of now.  Raises :class:`CallError`."""
        t = self._proc(name)
        error = sys_ptrace.ptrace_allowed(self.k, l.l_proc, request, t)
        if error or t is None:
            raise CallError(error)
        return t

    def _PT_ATTACH(self, l: Lwp, name: str) -> str:
        t = self._ptrace(l, PT_ATTACH, name)
        sys_ptrace.ptrace_attach(self.k, l.l_proc, t)
        return "ok"

    def _PT_CONTINUE(self, l: Lwp, name: str, signal: str | None = None) -> str:
        return self._go_on(l, PT_CONTINUE, name, signal_number(signal) if signal else 0)

    def _PT_DETACH(self, l: Lwp, name: str) -> str:
        return self._go_on(l, PT_DETACH, name, 0)

    def _PT_KILL(self, l: Lwp, name: str) -> str:
        return self._go_on(l, PT_KILL, name, 0)

    def _go_on(self, l: Lwp, request: int, name: str, signo: int) -> str:
        t = self._ptrace(l, request, name)
        sys_ptrace.ptrace_continue(self.k, request, t, signo)
        return "ok"

    def _PT_SET_EVENT_MASK(self, l: Lwp, name: str, events: str) -> str:
        t = self._ptrace(l, PT_CONTINUE, name)
        sys_ptrace.ptrace_set_event_mask(t, bits_value(PTRACE_EVENTS, events))
        return "ok"

    def _PT_GET_EVENT_MASK(self, l: Lwp, name: str) -> str:
        t = self._ptrace(l, PT_CONTINUE, name)
        return names_of(PTRACE_EVENTS, sys_ptrace.ptrace_get_event_mask(t))

    def _PT_GET_PROCESS_STATE(self, l: Lwp, name: str) -> str:
        t = self._ptrace(l, PT_CONTINUE, name)
        event, other = sys_ptrace.ptrace_get_process_state(t)
        return f"{names_of(PTRACE_EVENTS, event)} {self.names[other]}" if event else "0"

    def _PT_GET_SIGINFO(self, l: Lwp, name: str) -> str:
        t = self._ptrace(l, PT_CONTINUE, name)
        signo, code, event, other = t.p_sigctx.ps_info
        if signo == SIGTRAP and code == TRAP_CHLD:
            return f"SIGTRAP TRAP_CHLD {names_of(PTRACE_EVENTS, event)} {self.names[other]}"
        return signal_name(signo)

    def _PT_TRACE_ME(self, l: Lwp) -> str:
        return ok(sys_ptrace.ptrace_traceme(self.k, l.l_proc))

    def _PT_SET_SIGPASS(self, l: Lwp, name: str, signals: str) -> str:
        t = self._ptrace(l, PT_CONTINUE, name)
        sys_ptrace.ptrace_set_sigpass(t, signals_value(signals))
        return "ok"

    def _PT_GET_SIGPASS(self, l: Lwp, name: str) -> str:
        return _signal_names(self._ptrace(l, PT_CONTINUE, name).p_sigctx.ps_sigpass)
