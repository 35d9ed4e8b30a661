"""The scheduler: which LWP runs, and which sleeps.

After sys/kern/kern_synch.c, kern_condvar.c and kern_sleepq.c, with their names.

A system call that can sleep is a Python generator.  It yields where the LWP leaves the
CPU, and :func:`run` resumes it once the LWP is runnable again.  So a call reads from top
to bottom as in C, and a sleep inside a callee is a ``yield from``.

Rejected: threads, one for each LWP.  They are much slower, and the host would decide the
order in which they run.  Rejected, too: a state machine for each call.  It could not be
read beside the C.
"""

from __future__ import annotations

from reference_model.language.netbsd import LSONPROC, LSRUN, LSSLEEP
from reference_model.proc import Condvar, Lwp, Mutex, Sleeping
from reference_model.state import TICK, State


def start(k: State, l: Lwp, task: Sleeping) -> None:
    """Makes *l*, which is in user mode, enter the kernel with *task*."""
    assert l.l_task is None
    l.l_task = task
    setrunnable(k, l)


def setrunnable(k: State, l: Lwp) -> None:
    """Puts *l* on the run queue."""
    l.l_stat = LSRUN
    k.runq.append(l)


def signotify(k: State, l: Lwp) -> None:
    """Makes an LWP that is in user mode look at its signals (cpu_signotify())."""
    if l.l_task is None and l.l_stat == LSONPROC:
        start(k, l, k.userret(l))


def run(k: State) -> None:
    """Runs until no LWP is runnable."""
    runq = k.runq
    while runq:
        l = runq.popleft()
        if l.l_stat != LSRUN or l.l_task is None:
            continue
        l.l_stat = LSONPROC
        k.ran.add(l)
        k.curlwp = l
        try:
            next(l.l_task)
        except StopIteration:
            l.l_task = None
            if l.l_pendsig:
                signotify(k, l)


def cv_wait(k: State, l: Lwp, cv: Condvar, mutex: Mutex) -> Sleeping:
    """Sleeps on *cv* without *mutex*; no signal ends the sleep."""
    mutex.exit()
    yield from _sleep(l, cv, interruptible=False)
    mutex.enter()


def cv_wait_sig(k: State, l: Lwp, cv: Condvar) -> Sleeping:
    """Sleeps on *cv*; returns true if a signal ended the sleep."""
    l.signalled = False
    yield from _sleep(l, cv, interruptible=True)
    return l.signalled


def _sleep(l: Lwp, cv: Condvar, *, interruptible: bool) -> Sleeping:
    l.l_stat = LSSLEEP
    l.l_wchan = cv
    l.l_sintr = interruptible
    cv.waiters.append(l)
    yield
    while l.l_wchan is not None:
        yield


def cv_broadcast(k: State, cv: Condvar) -> None:
    """Wakes every LWP that sleeps on *cv*; one that is stopped stays stopped.

    Which of them runs first is open: it depends on the CPUs and the priorities.
    """
    woken = []
    for l in cv.waiters:
        l.l_wchan = None
        if l.l_stat == LSSLEEP:
            woken.append(l)
    cv.waiters.clear()
    while woken:
        setrunnable(k, woken.pop(k.choose(len(woken))))


def sleepq_abort(k: State, l: Lwp) -> None:
    """Ends an interruptible sleep because of a signal (kern_sleepq.c)."""
    assert l.l_wchan is not None
    l.l_wchan.waiters.remove(l)
    l.l_wchan = None
    l.signalled = True
    setrunnable(k, l)


def kpause(k: State, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
    """Sleeps for *ticks*; time in the model passes at once."""
    k.microtime += ticks * TICK
    return
    yield
