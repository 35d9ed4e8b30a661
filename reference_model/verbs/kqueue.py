"""Kqueues that watch processes."""

from __future__ import annotations

from reference_model import kern_event
from reference_model.language.netbsd import EBADF, NOTE_CHILD, NOTES, names_of
from reference_model.language.observation import NONE
from reference_model.language.scenario import bits_value
from reference_model.proc import File, Kqueue, Lwp
from reference_model.verbs.call import CallError, ok, verb
from reference_model.verbs.world import World


@verb("kqueue")
def kqueue(w: World, l: Lwp, fd: str) -> str:
    w.k.fd_put(l.l_fd, int(fd), File(is_kqueue=True, f_kqueue=Kqueue()))
    return fd


def _kqueue_at(w: World, l: Lwp, fd: str) -> Kqueue:
    kq = w.descriptor(l, fd).ff_file.f_kqueue
    if kq is None:
        raise CallError(EBADF)
    return kq


@verb("watch")
def watch(w: World, l: Lwp, fd: str, name: str, notes: str) -> str:
    kq = _kqueue_at(w, l, fd)
    return ok(kern_event.kqueue_register(kq, l.l_cred, w.proc(name), bits_value(NOTES, notes)))


@verb("kevent")
def kevent(w: World, l: Lwp, fd: str) -> str:
    """Returns the pending notes of each actor; for a newborn also its parent."""
    told = kern_event.kevent_collect(_kqueue_at(w, l, fd))
    order = list(dict.fromkeys(name for s in w.steps for name in s.actors()))
    told.sort(key=lambda kn: order.index(w.names[kn.kn_id]))
    words = []
    for kn in told:
        word = f"{w.names[kn.kn_id]} {names_of(NOTES, kn.kn_fflags)}"
        if kn.kn_fflags & NOTE_CHILD:
            word += f" {w.names[kn.kn_data]}"
        words.append(word)
    return ", ".join(words) or NONE
