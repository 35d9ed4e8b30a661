"""The exit signal: which one arrives, and who can wait for the child."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from reference_model import Scenario, parse
from reference_model.language.netbsd import (
    _NSIG,
    SA_IGNORE,
    SIGCHLD,
    SIGKILL,
    SIGSTOP,
    signal_name,
    sigprop,
)
from reference_model.language.scenario import flags_text

_CALLS = {"fork": "fork C", "vfork": "vfork C", "__vfork14": "__vfork14 C"}
_WAYS = ("0", "WALTSIG", "WALLSIG", "WALTSIG|WALLSIG")


def _arrives(signal: int) -> str:
    """Tests that only the exit signal is pending after the exit, if it is caught and blocked."""
    catch = f"P: sigaction {signal_name(signal)} catch\n" if signal else ""
    return (
        f"scenario exitsignal/arrives/{signal}\n"
        "about EXIT-SIGNAL CLONE-CSIGNAL\n"
        f"{catch}P: __clone {flags_text(signal)} C\n"
        "P: sigpending\n"
        "C: exit 9\n"
        "P: wait4 C WALLSIG\n"
        "P: sigpending [CLONE-CSIGNAL]\n"
    )


def _default(signal: int) -> str:
    """Tests the same without a handler: a signal ignored by default never becomes pending."""
    return (
        f"scenario exitsignal/default/{signal}\n"
        "about EXIT-SIGNAL CLONE-CSIGNAL\n"
        f"P: __clone {flags_text(signal)} C\n"
        "C: exit 9\n"
        "P: wait4 C WALLSIG\n"
        "P: sigpending\n"
    )


def _who_waits(signal: int, way: str) -> str:
    """Tests which options of wait4 find the child: before it has exited, and after."""
    return (
        (
            f"scenario exitsignal/waits/{signal}/{way}\n"
            "about EXIT-SIGNAL\n"
            f"P: __clone {flags_text(signal)} C\n"
            f"P: wait4 C {'WNOHANG' if way == '0' else way + '|WNOHANG'}\n"
            "C: exit 9\n"
            f"P: wait4 C {way}\n"
            "P: wait4 C WALLSIG\n"
        )
        .replace("WALTSIG|WNOHANG", "WNOHANG|WALTSIG")
        .replace("WALLSIG|WNOHANG", "WNOHANG|WALLSIG")
    )


def _ends(signal: int, unblocked: str) -> str:
    """Tests that an unblocked exit signal acts on the parent as this signal always does."""
    return (
        f"scenario exitsignal/does/{signal}\n"
        "about EXIT-SIGNAL\n"
        "Q: fork P\n"
        f"{unblocked}"
        f"P: __clone {flags_text(signal)} C\n"
        "C: exit 9\n"
        "Q: wait4 P WUNTRACED\n"
    )


_OTHERS = """
scenario exitsignal/ignored-sigchld
about EXIT-SIGNAL FLAGS-INHERITED
P: sigaction SIGCHLD ignore
P: fork C
C: exit 1
P: wait4 C

scenario exitsignal/ignored-sigchld-inherited
about FLAGS-INHERITED
P: sigaction SIGCHLD ignore
P: fork C
C: fork D
D: exit 1
C: wait4 D
C: exit 2
P: wait4 C

scenario exitsignal/newest-first
about EXIT-SIGNAL
P: fork C
P: fork D
P: fork E
D: exit 1
P: wait4 any
E: exit 2
P: wait4 any
C: exit 3
P: wait4 any
P: wait4 any

scenario exitsignal/each-its-own
about EXIT-SIGNAL
P: sigaction SIGUSR1 catch
P: sigaction SIGUSR2 catch
P: __clone SIGUSR1 C
P: __clone SIGUSR2 D
D: exit 1
P: wait4 any WALTSIG
P: sigpending
C: exit 2
P: wait4 any WALTSIG
P: sigpending

scenario exitsignal/grandparent
about EXIT-SIGNAL PARENT
Q: sigaction SIGUSR1 catch
Q: fork P
P: sigaction SIGUSR1 catch
P: __clone SIGUSR1 C
C: exit 1
P: wait4 C WALTSIG
P: sigpending
Q: sigpending
P: exit 0
Q: wait4 P
"""


def _called(text: str, name: str, call: str) -> str:
    """Returns the same with another call; a blocked parent cannot look before the child exits."""
    head, tail = text.replace("/20", f"/{name}").split("P: __clone SIGCHLD C\n")
    if name != "fork":
        tail = tail[tail.index("C: exit") :]
    return f"{head}P: {call}\n{tail}"


def generate(random: Random) -> Iterator[Scenario]:
    texts = [_OTHERS]
    for signal in range(_NSIG):
        if signal in (SIGKILL, SIGSTOP):
            texts.append(_ends(signal, ""))
            continue
        texts.append(_arrives(signal))
        if signal:
            texts.append(_default(signal))
            unblock = f"P: sigprocmask unblock {signal_name(signal)}\n"
            if not sigprop[signal] & SA_IGNORE:
                texts.append(_ends(signal, unblock))
        texts += [_who_waits(signal, way) for way in _WAYS]
    for name, call in _CALLS.items():
        for text in (_arrives(SIGCHLD), *(_who_waits(SIGCHLD, way) for way in _WAYS)):
            texts.append(_called(text, name, call))
    for text in texts:
        yield from parse(text)
