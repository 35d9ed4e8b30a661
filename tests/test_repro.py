"""Programs of reports, run by the command's own means: in guests, here, and by ssh."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.commands.choice import KERNEL_VARIABLE
from conformance.reproducer.compile import OURS, build_here, build_static
from conformance.reproducer.ended import Ended, NotRunError, exited
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.here import run_here
from conformance.targets.ssh import SshTarget
from tests.sshd import Sshd, needs_sshd
from tests.test_report_program import (
    AGREES,
    WRONG,
    on_linux_amd64,
    program_of,
)
from vm.qemu import QEMU

LINUX = os.environ.get("FORKORACLE_LINUX", "")
NETBSD = os.environ.get(KERNEL_VARIABLE, "")
#: Every kind of conversion that the reproducers use, and output that does not fit.
FORMATS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
	char small[6], *end, *volatile text = "too long";
	(void)argv;
	int length = snprintf(small, sizeof(small), "%s", text);
	long number = strtol("-42 and", &end, 10);
	printf("%d %i %u %ld %lu %llu %zu ", -7, 7, 7u, -8L, 8UL, 9ULL, (size_t)10);
	printf("%x %lx %o|", 255, 4096L, 8);
	printf("%5d %05d %.*s %c %%|%s %d|", 42, 42, 3, "abcdef", 'x', small, length);
	printf("%ld%s %d %d ", number, end, atoi("17"), strcmp("abc", "abd") < 0);
	printf("%s %s %d\n", strchr("a/b/c", '/'), strrchr("a/b/c", '/'), strchr("ab", 'c') == NULL);
	return argc + 2;
}
"""
FORMATTED = "-7 7 7 -8 8 9 10 ff 1000 10|   42 00042 abc x %|too l 8|-42 and 17 1 /b/c /c 1"
KILLS_ITSELF = "#include <signal.h>\nint main(void) { raise(SIGKILL); return 0; }\n"
#: A program that leaves a process with its output behind.
LEAVES_ONE = r"""
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	if (fork() == 0)
		for (;;)
			sleep(1000);
	printf("first\nsecond");
	return 0;
}
"""
#: Has Linux crash (Documentation/admin-guide/sysrq.rst).
CRASHES = r"""
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);
	return write(fd, "c", 1) != 1;
}
"""


def guest(kernel: str, name: str) -> Iterator[GuestTarget]:
    if not kernel or shutil.which(QEMU) is None:
        pytest.skip(f"needs {QEMU}, and {name} to name a kernel")
    target = GuestTarget(guest_machine(Path(kernel)))
    yield target
    target.close()


@pytest.fixture(scope="module")
def linux() -> Iterator[GuestTarget]:
    yield from guest(LINUX, "FORKORACLE_LINUX")


@pytest.fixture(scope="module")
def netbsd() -> Iterator[GuestTarget]:
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    yield from guest(NETBSD, KERNEL_VARIABLE)


def test_a_function_that_our_library_has_not_is_named(tmp_path: Path) -> None:
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    program = program_of(AGREES[0])
    more = program.replace("status = run();", "status = run() + system(complaint);")
    assert more != program
    with pytest.raises(NotRunError, match=f"{OURS} has no system"):
        build_static(more, tmp_path, "NetBSD", "amd64")


def test_a_program_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    """An error in the C program is reported, and a system that has no C library here."""
    with pytest.raises(NotRunError, match=r"it does not compile: .*nothing"):
        build_here("int main(void) { return nothing; }\n", tmp_path)
    with pytest.raises(NotRunError, match="no C library for NetBSD evbarm"):
        build_static(program_of(AGREES[0]), tmp_path, "NetBSD", "evbarm")


def test_a_program_that_ends_here(tmp_path: Path) -> None:
    """Its status and its words come back, a signal by its name, and nothing of it stays."""
    assert run_here(build_here(FORMATS, tmp_path)) == exited(3, FORMATTED)
    assert run_here(build_here(KILLS_ITSELF, tmp_path)) == Ended("was killed by SIGKILL")
    assert run_here(build_here(LEAVES_ONE, tmp_path)) == exited(0, "first second")


def test_known_differences_of_linux_show_in_its_guest(linux: GuestTarget) -> None:
    """A program exits with 1 in a Linux guest where Linux is known to differ, else with 0."""
    scenario, line = WRONG["clone-ptrace"]
    assert linux.run_program(program_of(scenario)) == exited(1, line)
    assert linux.run_program(program_of(AGREES[0])) == exited(0, "as expected")


@on_linux_amd64
@pytest.mark.parametrize("name", WRONG)
def test_a_static_program_says_the_same(name: str, tmp_path: Path) -> None:
    """What runs in a guest is linked statically; it needs no guest to show what it says."""
    scenario, line = WRONG[name]
    built = build_static(program_of(scenario), tmp_path, "Linux", "x86_64")
    assert run_here(built) == exited(1, line)


def test_how_a_program_ends_in_a_guest(linux: GuestTarget) -> None:
    """A signal, and words that a process left behind could hold back; then scenarios go on."""
    assert linux.run_program(KILLS_ITSELF) == Ended("was killed by SIGKILL")
    assert linux.run_program(LEAVES_ONE) == exited(0, "first second")
    [(_, observed)] = linux.run([AGREES[0]])
    assert observed == ("C", "ok", "C exited 1")


def test_a_guest_that_panics(linux: GuestTarget) -> None:
    """A program that makes the kernel panic is said to have done so, in the kernel's words."""
    ended = linux.run_program(CRASHES)
    assert ended.panicked
    assert "Kernel panic - not syncing: sysrq triggered crash" in ended.how


def test_our_library_on_netbsd(netbsd: GuestTarget) -> None:
    """On NetBSD our C library prints the same as the host's."""
    assert netbsd.run_program(FORMATS) == exited(3, FORMATTED, OURS)
    assert netbsd.run_program(KILLS_ITSELF) == Ended("was killed by SIGKILL", library=OURS)
    assert netbsd.run_program(FORMATS.replace("%05d", "%5.3d")).status == 2


def test_netbsd_behaves(netbsd: GuestTarget) -> None:
    """On NetBSD the programs exit with 0, and with 1 where anything else was expected."""
    for scenario in (*AGREES[:3], *(scenario for scenario, _ in WRONG.values())):
        assert netbsd.run_program(program_of(scenario)).status == 0
    program = program_of(WRONG["clone-ptrace"][0])
    other = program.replace('{ "EINVAL" }', '{ "-" }')
    assert other != program
    ended = netbsd.run_program(other)
    line = "step 0, P: __clone CLONE_PTRACE|SIGCHLD -: expected -, observed EINVAL"
    assert ended == exited(1, line, OURS)


@on_linux_amd64
@needs_sshd
def test_by_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the other machine's compiler, and without one: the same, and nothing stays there."""
    server = Sshd(tmp_path)
    server.start()
    try:
        target = SshTarget(server.host)
        try:
            scenario, line = WRONG["clone-ptrace"]
            assert target.run_program(program_of(scenario)) == exited(1, line)
            assert target.run_program(KILLS_ITSELF).how == "was killed by SIGKILL"
            with pytest.raises(NotRunError, match=r"does not compile there: .*nothing"):
                target.run_program("int main(void) { return nothing; }\n")
            monkeypatch.setattr("conformance.targets.ssh.COMPILER", "no-such-compiler")
            assert target.run_program(program_of(scenario)) == exited(1, line)
        finally:
            target.close()
        assert server.soon_clean()
    finally:
        server.close()


@on_linux_amd64
def test_a_test_case_is_run_by_atf(tmp_path: Path) -> None:
    """With the real libatf-c, the test case fails where Linux differs, and passes where not."""
    if not Path("/usr/include/atf-c.h").is_file():
        pytest.skip("no atf-c.h: apt-get install libatf-dev")
    from conformance.report.pr.cprogram import atf_test
    from reference_model import Options
    from tests.test_report_program import problem_of

    scenario, line = WRONG["clone-ptrace"]
    for subject, status, words in ((scenario, 1, f"failed: {line}"), (AGREES[0], 0, "passed")):
        problem = problem_of(subject)
        source, program = tmp_path / "t.c", tmp_path / "t"
        source.write_text(atf_test(problem, Options()))
        subprocess.run(["cc", "-Wall", "-Werror", "-o", program, source, "-latf-c"], check=True)
        name = problem.name.replace("-", "_")
        done = subprocess.run(
            [program, "-r", tmp_path / "result", name],
            capture_output=True,
            cwd=tmp_path,
            timeout=100,
            check=False,
        )
        assert (done.returncode, (tmp_path / "result").read_text().strip()) == (status, words)
