"""Descriptors: tables, and the files that are open in them.

After sys/kern/kern_descrip.c and sys_pipe.c, with their names.
"""

from __future__ import annotations

from reference_model.kern_event import kqueue_doclose
from reference_model.kern_synch import cv_broadcast
from reference_model.language.netbsd import EBADF
from reference_model.proc import Condvar, Descriptor, File, Filedesc, Pipe, Proc
from reference_model.state import State


def fd_share(k: State, p1: Proc, p2: Proc) -> None:
    """Gives the child its parent's table."""
    p2.p_fd = p1.p_fd
    p1.p_fd.fd_refcnt += 1


def fd_init(k: State) -> Filedesc:
    """Returns an empty table."""
    return Filedesc()


def fd_copy(k: State, p1: Proc) -> Filedesc:
    """Returns a new table with the same files, without kqueues and close-on-fork descriptors."""
    new = Filedesc()
    for fd, d in p1.p_fd.fd_dt.items():
        if not d.ff_foclose and not d.ff_file.is_kqueue:
            d.ff_file.f_count += 1
            new.fd_dt[fd] = Descriptor(d.ff_file, d.ff_exclose)
    return new


def fd_free(k: State, p: Proc) -> None:
    """Leaves the table of *p*; the last process that leaves it closes its descriptors."""
    p.p_fd.fd_refcnt -= 1
    if p.p_fd.fd_refcnt == 0:
        for fd in list(p.p_fd.fd_dt):
            fd_close(k, p.p_fd, fd)


def fd_close(k: State, fdp: Filedesc, fd: int) -> int:
    """Closes a descriptor, as close(2) does; returns 0 or an error number."""
    descriptor = fdp.fd_dt.pop(fd, None)
    if descriptor is None:
        return EBADF
    closef(k, descriptor.ff_file)
    return 0


def fd_closeexec(k: State, p: Proc) -> None:
    """Ends the sharing of the table, and closes what is close-on-exec (1.266, line 1774).

    Before 1.232 of kern_fork.c no descriptor is close-on-fork, so no flag is lost.
    """
    if p.p_fd.fd_refcnt > 1:
        table = fd_copy(k, p)
        fd_free(k, p)
        p.p_fd = table
    p.p_fd.fd_foclose = False
    for fd, descriptor in list(p.p_fd.fd_dt.items()):
        if descriptor.ff_exclose:
            fd_close(k, p.p_fd, fd)
        else:
            descriptor.ff_foclose = False


def closef(k: State, file: File) -> None:
    """Drops a reference to *file*; the last one closes it."""
    file.f_count -= 1
    if file.f_count:
        return
    if file.f_pipe is not None and file.f_writes:
        file.f_pipe.open_for_writing = False
        cv_broadcast(k, file.f_pipe.readers)
    if file.f_kqueue is not None:
        kqueue_doclose(k, file.f_kqueue)
    if file.is_mqueue:  # sys_mqueue.c, mq_close_fop(), line 389: of the process that closes it
        assert k.curlwp is not None
        p = k.curlwp.l_proc
        p.p_mqueue_cnt = (p.p_mqueue_cnt - 1) & 0xFFFFFFFF


def fd_put(k: State, fdp: Filedesc, fd: int, file: File) -> None:
    """Makes *fd* lead to *file*, and closes what it led to before, as dup2(2) does."""
    fd_close(k, fdp, fd)
    fdp.fd_dt[fd] = Descriptor(file)


def fd_pipe(k: State, fdp: Filedesc, read: int, write: int) -> None:
    """Makes a pipe, as pipe(2) does, and moves its ends to the given descriptors."""
    pipe = Pipe(Condvar("piperd"))
    fd_put(k, fdp, read, File(f_pipe=pipe))
    fd_put(k, fdp, write, File(f_pipe=pipe, f_writes=True))
