"""A scenario that needs more than the kernel has is not decided, and names the need."""

from __future__ import annotations

import pytest

from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios.families import FAMILIES
from conformance.scenarios.needs import ALONE, NEEDS, first_lack, needs, reason
from conformance.targets.local import LocalTarget
from reference_model.language.scenario import VERBS
from tests.scenarios import named, steps

SMALL = {
    "ktrace": ("P: utrace", "KTRACE"),
    "aio": ("P: aio_error", "AIO"),
    "ptrace": ("T: PT_CONTINUE P", "PTRACE"),
    "message queues": ("P: mq_open 20", "MQUEUE"),
    "close-on-fork": ("P: clofork 20", "CLOFORK"),
    "whole system": ("P: fork_counts", ALONE),
    "address": ("P: compare P P p_fd", ALONE),
    "option of wait6": ("P: wait6 P_ALL any WTRAPPED", "NETBSD"),
    "kern.proc2": ("P: kinfo P p_acflag", "NETBSD"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_step_names_the_option_that_its_verb_needs(name: str) -> None:
    """Each kind of step names the option without which it cannot be taken."""
    line, option = SMALL[name]
    scenario = steps("x/y", "SYS-FORK", line)
    assert option in needs(scenario)
    assert first_lack(scenario, {option}) == option
    assert first_lack(scenario, {"SOMETHING"}) is None


def test_a_nice_value_needs_nothing() -> None:
    """Linux tells it as well as NetBSD."""
    assert needs(steps("x/y", "SYS-FORK", "P: nice 3", "P: kinfo P p_nice")) == frozenset()


def test_the_table_is_about_verbs_that_there_are() -> None:
    """No entry is left over, and the calls of kern_fork.c themselves need nothing."""
    assert NEEDS.keys() <= VERBS.keys()
    assert not NEEDS.keys() & {"fork", "vfork", "__vfork14", "__clone", "wait4", "exit"}


def test_a_missing_kernel_option_is_named(local: LocalTarget) -> None:
    """On this machine's own kernel, no scenario sets a limit of the whole system."""
    [result, *_] = Run(local, named("wholesystem/maxproc/root/fork/0")).results()
    assert (result.verdict, result.reason) == (Verdict.NOT_DECIDED, reason(ALONE))


def test_nothing_is_asked_that_the_target_cannot_do(local: LocalTarget) -> None:
    """The table knows each lack beforehand: the probe never answers `cannot`."""
    for family in ("inherited", "waiting", "lwp", "kqueue", "ktrace", "wholesystem"):
        for result in Run(local, FAMILIES[family].scenarios()).results():
            assert "the target cannot do" not in result.reason, result.scenario.name
