"""Descriptors, the directory and the umask, and asynchronous I/O."""

from __future__ import annotations

from reference_model.language.netbsd import EINVAL, EMFILE, EPERM
from reference_model.language.observation import OK
from reference_model.proc import File, Lwp
from reference_model.verbs.call import CallError, ok, verb
from reference_model.verbs.world import World


@verb("open")
def open_(w: World, l: Lwp, fd: str) -> str:
    w.k.fd_put(l.l_fd, int(fd), File())
    return fd


@verb("close")
def close(w: World, l: Lwp, fd: str) -> str:
    return ok(w.k.fd_close(l.l_fd, int(fd)))


@verb("dup2")
def dup2(w: World, l: Lwp, old: str, new: str) -> str:
    descriptor = w.descriptor(l, old)
    if old != new:
        descriptor.ff_file.f_count += 1
        w.k.fd_put(l.l_fd, int(new), descriptor.ff_file)
    return new


@verb("lseek")
def lseek(w: World, l: Lwp, fd: str, offset: str) -> str:
    w.descriptor(l, fd).ff_file.f_offset = int(offset)
    return offset


@verb("tell")
def tell(w: World, l: Lwp, fd: str) -> str:
    return str(w.descriptor(l, fd).ff_file.f_offset)


@verb("pipe")
def pipe(w: World, l: Lwp, read: str, write: str) -> str:
    w.k.fd_pipe(l.l_fd, int(read), int(write))
    return OK


@verb("clofork")
def clofork(w: World, l: Lwp, fd: str) -> str:
    """Follows fcntl(2), F_SETFD with FD_CLOFORK alone (sys_descrip.c, lines 416-419)."""
    descriptor = w.descriptor(l, fd)
    descriptor.ff_exclose, descriptor.ff_foclose = False, True
    l.l_fd.fd_foclose = True
    return OK


@verb("cloexec")
def cloexec(w: World, l: Lwp, fd: str) -> str:
    """Follows ioctl(2), FIOCLEX (sys_generic.c)."""
    w.descriptor(l, fd).ff_exclose = True
    return OK


@verb("chdir")
def chdir(w: World, l: Lwp, path: str) -> str:
    l.l_proc.p_cwdi.cwdi_cdir = path
    return OK


@verb("getcwd")
def getcwd(w: World, l: Lwp) -> str:
    path: str = l.l_proc.p_cwdi.cwdi_cdir
    return path


@verb("umask")
def umask(w: World, l: Lwp, mask: str) -> str:
    cwdi = l.l_proc.p_cwdi
    old, cwdi.cwdi_cmask = cwdi.cwdi_cmask, int(mask, 8)
    return f"0{old:o}" if old else "0"


@verb("aio_read")
def aio_read(w: World, l: Lwp, fd: str) -> str:
    """Follows sys_aio.c: the first request makes the state, and an LWP that works."""
    w.descriptor(l, fd)
    p = l.l_proc
    if p.p_aio is None:
        p.p_aio = "done"
        p.p_nlwps += 1
    return OK


@verb("aio_error")
def aio_error(w: World, l: Lwp) -> str:
    if l.l_proc.p_aio is None:
        raise CallError(EINVAL)
    return "0"


@verb("mq_open")
def mq_open(w: World, l: Lwp, fd: str) -> str:
    """Follows sys_mqueue.c mq_handle_open(), lines 502-507."""
    p = l.l_proc
    count = (p.p_mqueue_cnt + 1) & 0xFFFFFFFF
    if count > w.k.mq_open_max:
        raise CallError(EMFILE)
    p.p_mqueue_cnt = count
    w.k.fd_put(l.l_fd, int(fd), File(is_mqueue=True))
    return fd


@verb("mq_open_max")
def mq_open_max(w: World, l: Lwp, number: str) -> str:
    if l.l_cred.cr_euid != 0:
        raise CallError(EPERM)
    w.k.mq_open_max = int(number)
    return OK
