"""The ssh target and a real sshd on loopback: verdicts, refusals, and that nothing is left."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psutil
import pytest

from conformance.commands.choice import choose_target
from conformance.commands.options import Wanted
from conformance.errors import TargetError
from conformance.results.kernel import Kernel
from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios.selection import SelectionError, select
from conformance.targets import facts, ssh
from conformance.targets import ssh_transport as probe_ssh
from conformance.targets.ssh import NO_TRACER, SshTarget
from conformance.targets.ssh_transport import PASSWORD_VARIABLE, Host, parse_host
from reference_model import Scenario
from reference_model.language.answer import NotDecided, Observed
from tests.command import COMMAND, environment, forkoracle
from tests.sshd import OWN_UID, Sshd, make_key, needs_mounts, needs_sshd

#: In the server's own namespace root's password is this one.
PASSWORD = "correct horse"
_HASH = (
    "$6$forkoracle$4.5k7O4FGAzOA5yPXfTXv/0Rdo"
    "sE0wittFi2u23fyljJsWxPLhfhtSkXdJBiiq5PJ23EJfptLZvXfQWxZDIwj/"
)
_OWN_SHADOW = """\
cp /etc/shadow "{folder}/shadow"
sed -i 's|^root:[^:]*:|root:{hash}:|' "{folder}/shadow"
mount --bind "{folder}/shadow" /etc/shadow
"""


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server that is not started yet; when the test is over nothing of ours is left on it."""
    server = Sshd(tmp_path)
    yield server
    left = [] if server.soon_clean() else server.left()
    server.close()
    assert left == []


@pytest.fixture
def common_folder() -> Iterator[Path]:
    """A folder that every user may use."""
    with TemporaryDirectory(prefix="forkoracle-common-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@contextmanager
def _connected(host: Host) -> Iterator[SshTarget]:
    """The target on *host*, brought to its end, or killed where the test fails."""
    target = SshTarget(host)
    try:
        yield target
    except BaseException:
        target.kill()
        raise
    target.close()


def _refusal(host: Host) -> str:
    """The one line with which the target says that it cannot run."""
    with pytest.raises(TargetError) as caught:
        SshTarget(host)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{host}: ")
    return line


@needs_sshd
@pytest.mark.parametrize("family", ["vfork", "exitsignal"])
def test_a_family_runs_on_a_host(sshd: Sshd, family: str) -> None:
    """Each scenario is decided there, and agrees or is known of that kernel."""
    sshd.start()
    with _connected(sshd.host) as target:
        assert any("/forkoracle-" in each for each in sshd.left()), (
            "the check of what is left is blind"
        )
        results = list(Run(target, select([family])).results())
    assert sshd.left() == []
    assert len(results) == len(select([family]))
    assert {result.verdict for result in results} <= {Verdict.AGREES, Verdict.KNOWN}
    assert target.kernel.release == os.uname().release


@needs_sshd
@needs_mounts
def test_limits_are_decided_on_a_host(sshd: Sshd) -> None:
    """As root, every scenario of RLIMIT_NPROC is: free users and the user's count are found."""
    sshd.start(own_pids=True)  # root's other processes come and go
    with _connected(sshd.host) as target:
        results = list(Run(target, select(["nproc"])).results())
    assert {result.verdict for result in results} <= {Verdict.AGREES, Verdict.KNOWN}


@needs_sshd
@needs_mounts
def test_the_users_processes_are_counted(sshd: Sshd, common_folder: Path) -> None:
    """On the host one more process, or one more user, is seen as such."""
    with _connected(sshd.start_for_own_user(common_folder)) as target:
        before = target.user_count()
        with subprocess.Popen(["sleep", "60"], user=OWN_UID) as more:
            during = target.user_count()
            more.kill()
        assert (during - before, target.user_count() - before) == (1, 0)
        assert {0, OWN_UID} <= target.taken_uids()


@needs_sshd
@needs_mounts
def test_limits_of_a_user_without_privileges(sshd: Sshd, common_folder: Path) -> None:
    """The limits that count from what the user has now are decided, and hold exactly."""
    host = sshd.start_for_own_user(common_folder)
    own = [s for s in select(["nproc"]) if s.name.startswith("nproc/own/")]
    with _connected(host) as target:
        right = Run(target, own)
        assert {result.verdict for result in right.results()} == {Verdict.AGREES}
        others = [s for s in select(["nproc"]) if any(x.verb == "setreuid" for x in s.steps)]
        reasons = {seen for _, seen in target.run(others)}
        assert reasons == {
            NotDecided("needs root, to become a user who has no processes: log in as root")
        }
        with _connected(host):
            assert {seen for _, seen in target.run(own)} == {NotDecided(ssh.ANOTHER_RUN)}
        with _connected(sshd.host):  # another user's run changes no count of this one's
            assert {result.verdict for result in Run(target, own).results()} == {Verdict.AGREES}
        target.user_count = lambda: 1 + SshTarget.user_count(target)  # type: ignore[method-assign]
        wrong = Run(target, own)
        assert {result.verdict for result in wrong.results()} == {Verdict.DIFFERENCE}
        folders = [facts.probe_folders(target._ask, name) for name in ("NetBSD", "Linux")]
        assert folders == [{str(path) for path in common_folder.iterdir()}] * 2
        by_ps, by_proc = (facts.real_uids(target._ask, name) for name in ("NetBSD", "Linux"))
        assert by_ps.count(target.options.uid) == by_proc.count(target.options.uid)
    assert list(common_folder.iterdir()) == []


@needs_sshd
def test_a_linux_host_has_no_tracer(sshd: Sshd) -> None:
    """Traced scenarios are not decided, with the reason, and none is left out."""
    sshd.start()
    with _connected(sshd.host) as target:
        scenarios = select(["trace"])[:20]
        observed = list(target.run(scenarios))
    assert observed == [(scenario, NotDecided(NO_TRACER)) for scenario in scenarios]


@needs_sshd
def test_the_command_says_where_it_runs(sshd: Sshd, tmp_path: Path) -> None:
    """--host alone means ssh; the first lines name the host and its kernel."""
    sshd.start()
    done = forkoracle(tmp_path, "run", *sshd.arguments(), "--only", "RETURN-VALUES")
    assert done.returncode == 0, done.stderr
    first, second, *_ = done.stdout.splitlines()
    assert first.startswith(f"target ssh: {sshd.host}, ")
    assert "--target local" in first
    assert second.startswith(f"kernel {os.uname().sysname} {os.uname().release}")


@needs_sshd
def test_an_unknown_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """No question is asked. The line has a command that accepts the key; then the host runs."""
    sshd.start()
    sshd.known_hosts.write_text("", encoding="ascii")
    done = forkoracle(tmp_path, "run", *sshd.arguments())
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "its host key is unknown" in done.stderr
    subprocess.run(
        ["sh", "-c", done.stderr.rpartition("accept it with: ")[2]], check=True, capture_output=True
    )
    SshTarget(sshd.host).close()


@needs_sshd
def test_a_changed_host_key_is_refused(sshd: Sshd) -> None:
    """The line has the command that forgets the old key, and then the new one is but unknown."""
    sshd.new_host_key()
    sshd.start()
    line = _refusal(sshd.host)
    assert "its host key has changed" in line
    command = line.rpartition("forget it: ")[2]
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    assert "its host key is unknown" in _refusal(sshd.host)


@needs_sshd
def test_without_a_file_of_ours_the_users_known_hosts_count(sshd: Sshd) -> None:
    """As with ssh itself: a host that no known_hosts has is refused, with the login to try."""
    sshd.start()
    line = _refusal(replace(sshd.host, known_hosts=None))
    assert line.endswith(f"accept it with: ssh -p {sshd.port} {sshd.host.user}@127.0.0.1")


@needs_sshd
def test_a_wrong_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A key that the host does not take, and one that is none, are told as such."""
    sshd.start()
    other = make_key(tmp_path / "other")
    assert "Permission denied" in _refusal(replace(sshd.host, identity=other))
    (tmp_path / "other.pub").unlink()
    other.write_text("no key", encoding="ascii")
    line = _refusal(replace(sshd.host, identity=other))
    assert f'Load key "{other}"' in line
    other.chmod(0o644)
    assert "bad permissions" in _refusal(replace(sshd.host, identity=other))


@needs_sshd
def test_a_host_that_does_not_answer_is_told(sshd: Sshd) -> None:
    """A port without a listener, and a host name that does not exist."""
    assert "cannot be reached: " in (line := _refusal(sshd.host))
    assert "Connection refused" in line
    line = _refusal(replace(sshd.host, host="no-such-host.invalid"))
    assert "Could not resolve hostname" in line


def _with_fault(
    target: SshTarget, scenarios: Sequence[Scenario], fault: Callable[[], object]
) -> list[Observed]:
    """Returns the observations, where *fault* comes after the first hundred scenarios.

    These are a batch of their own, so that no host is too fast for the fault.
    """
    observed = [seen for _, seen in target.run(scenarios[:100])]
    fault()
    return observed + [seen for _, seen in target.run(scenarios[100:])]


@needs_sshd
def test_a_connection_that_is_cut_costs_little(sshd: Sshd) -> None:
    """The server's ends are killed in mid-run: the run goes on, and all else is decided."""
    sshd.start()
    cut: list[psutil.Process] = []
    scenarios = select(["sharing", "exitsignal"])
    with _connected(sshd.host) as target:
        observed = _with_fault(target, scenarios, lambda: cut.extend(sshd.cut()))
    undecided = [seen for seen in observed if isinstance(seen, NotDecided)]
    assert len(cut) >= 2
    assert len(observed) == len(scenarios)
    assert len(undecided) == 1
    assert undecided[0].reason.startswith("connection lost: ")


@needs_sshd
def test_a_host_that_falls_asleep_is_noticed(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's ends are stopped in mid-run: nothing says so, and yet the run goes on."""
    monkeypatch.setattr(probe_ssh, "ALIVE_INTERVAL", 1)
    sshd.start()
    asleep: list[psutil.Process] = []
    scenarios = select(["exitsignal"])
    with _connected(sshd.host) as target:
        observed = _with_fault(
            target, scenarios, lambda: asleep.extend(sshd.signal_ends(signal.SIGSTOP))
        )
    assert asleep
    for process in asleep:
        process.send_signal(signal.SIGCONT)
    undecided = [seen for seen in observed if isinstance(seen, NotDecided)]
    assert len(observed) == len(scenarios)
    assert len(undecided) == 1
    assert "not responding" in undecided[0].reason


@needs_sshd
def test_a_host_that_is_away_for_a_while_is_waited_for(sshd: Sshd) -> None:
    """With the connection the server goes, too, and comes back later: the run goes on."""
    sshd.start()
    back = threading.Timer(2, sshd.start)

    def go_away() -> None:
        sshd.cut()
        sshd.stop()
        back.start()

    scenarios = select(["exitsignal"])
    with _connected(sshd.host) as target:
        observed = _with_fault(target, scenarios, go_away)
    back.join()
    assert len(observed) == len(scenarios)
    assert sum(isinstance(seen, NotDecided) for seen in observed) == 1


@needs_sshd
def test_a_host_that_stays_away_is_given_up(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier verdicts stay. The rest is not decided: the reason is that the host is away."""
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        sleep(seconds)

    def go_away() -> None:
        sshd.cut()
        sshd.stop()

    monkeypatch.setattr(ssh, "RECONNECT", 1.0)
    monkeypatch.setattr(ssh, "sleep", nap)
    sshd.start()
    scenarios = select(["exitsignal"])
    with _connected(sshd.host) as target:
        observed = _with_fault(target, scenarios, go_away)
    assert not any(isinstance(seen, NotDecided) for seen in observed[:100])
    assert len(observed) == len(scenarios)
    assert isinstance(observed[-1], NotDecided)
    assert "cannot be reached" in observed[-1].reason
    assert 1 <= len(naps) <= 2, "it is waited for once"


@needs_sshd
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_nothing_there(
    sshd: Sshd, tmp_path: Path, number: signal.Signals
) -> None:
    """Kill -9 of ours, or Ctrl-C, in mid-run: no process and no folder stays on the host."""
    sshd.start()
    command = [COMMAND, "run", *sshd.arguments(), "--only", "validation"]
    with subprocess.Popen(
        command,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as run:
        deadline = monotonic() + 60
        while not any("process" in each for each in sshd.left()):
            assert monotonic() < deadline
            assert run.poll() is None
            sleep(0.02)
        run.send_signal(number)
        run.communicate(timeout=60)
    assert run.returncode == (130 if number is signal.SIGINT else -number)
    assert sshd.soon_clean(), sshd.left()


@needs_sshd
def test_two_runs_side_by_side_do_not_meet(sshd: Sshd, tmp_path: Path) -> None:
    """Two at once on one host, limits included: both end with no difference."""
    sshd.start()
    command = [COMMAND, "run", *sshd.arguments(), "--only", "nproc", "--only", "sharing"]
    runs = [
        subprocess.Popen(
            command,
            env=environment(tmp_path, XDG_STATE_HOME=str(tmp_path / name)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("one", "other")
    ]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said


@needs_sshd
@needs_mounts
def test_a_password_logs_in(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from a variable, stands in no command line, and its helper is gone afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "authorized_keys").unlink()
    mounts = _OWN_SHADOW.format(folder=tmp_path, hash=_HASH)
    sshd.start(options=("PermitRootLogin yes",), mounts=mounts)
    host = replace(sshd.host, identity=None)
    with _connected(replace(host, password=PASSWORD)):
        lines = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    assert any(str(sshd.port) in line for line in lines), "ssh is not to be seen: a blind check"
    assert not any(PASSWORD in line for line in lines)
    named = {PASSWORD_VARIABLE: PASSWORD}
    done = forkoracle(tmp_path, "run", *sshd.arguments_of(host), "--only", "RETURN-VALUES", **named)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in repr(replace(host, password=PASSWORD))
    assert "Permission denied" in _refusal(replace(host, password="wrong horse"))
    assert PASSWORD_VARIABLE in _refusal(host)
    assert not list(tmp_path.glob("forkoracle-askpass-*"))


@needs_sshd
@needs_mounts
def test_the_password_is_for_no_other_question(sshd: Sshd, tmp_path: Path) -> None:
    """A host whose key is unknown is refused before any password is told."""
    mounts = _OWN_SHADOW.format(folder=tmp_path, hash=_HASH)
    sshd.start(options=("PermitRootLogin yes",), mounts=mounts)
    sshd.known_hosts.write_text("", encoding="ascii")
    host = replace(sshd.host, identity=None, password=PASSWORD)
    assert "its host key is unknown" in _refusal(host)
    assert "its host key is unknown" in _refusal(replace(host, known_hosts=None))


@pytest.mark.parametrize(
    ("question", "answer"),
    [("root@box's password: ", PASSWORD), ("Enter passphrase for key 'k': ", None)],
)
def test_the_askpass_helper_answers_once_and_goes(
    tmp_path: Path, question: str, answer: str | None
) -> None:
    """The helper answers one question, and then removes its own folder."""
    helper = tmp_path / "forkoracle-askpass-x" / "askpass"
    helper.parent.mkdir()
    helper.write_text(probe_ssh.ASKPASS, encoding="ascii")
    helper.chmod(0o700)
    done = subprocess.run(
        [str(helper), question],
        env={**os.environ, PASSWORD_VARIABLE: PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0, done.stdout) == (bool(answer), f"{answer}\n" if answer else "")
    assert helper.parent.exists() == (answer is None)


@needs_sshd
@needs_mounts
def test_where_tmp_is_noexec_home_serves(sshd: Sshd, tmp_path: Path) -> None:
    """The probe runs from the user's home, and leaves it as it was."""
    home = tmp_path / "home"
    home.mkdir()
    sshd.start({"HOME": str(home)}, mounts=f"mount -t tmpfs -o noexec none '{sshd.remote}'")
    with _connected(sshd.host):
        assert [path.name.partition("-")[0] for path in home.iterdir()] == ["forkoracle"]
    assert list(home.iterdir()) == []


@needs_sshd
def test_a_host_without_a_place_for_the_probe_says_so(sshd: Sshd) -> None:
    """Neither TMPDIR nor HOME can be written to."""
    sshd.start({"TMPDIR": "/proc", "HOME": "/proc"})
    assert "no folder for the probe" in _refusal(sshd.host)


@needs_sshd
def test_a_host_without_sh_says_so(sshd: Sshd, tmp_path: Path) -> None:
    """Whatever answers instead of sh is quoted."""
    sshd.start({"PATH": str(tmp_path)})
    assert "no sh at the other end, it said " in _refusal(sshd.host)
    key = (tmp_path / "authorized_keys").read_text(encoding="ascii")
    nologin = f'command="echo This account is not available; exit 1" {key}'
    (tmp_path / "authorized_keys").write_text(nologin, encoding="ascii")
    assert "it said 'This account is not available'" in _refusal(sshd.host)


@needs_sshd
def test_another_system_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A host that calls itself FreeBSD gets no probe. The line names the systems that do."""
    fake = tmp_path / "bin" / "uname"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho FreeBSD\n", encoding="ascii")
    fake.chmod(0o755)
    sshd.start({"PATH": f"{fake.parent}:/usr/bin:/bin"})
    line = _refusal(sshd.host)
    assert "no probe for FreeBSD" in line
    assert "expected NetBSD on x86_64, i386 or aarch64" in line


@needs_sshd
def test_a_host_may_greet(sshd: Sshd, tmp_path: Path) -> None:
    """Output of the shell's start files is no part of the conversation."""
    key = (tmp_path / "authorized_keys").read_text(encoding="ascii")
    greeting = f'command="echo Grüße; printf forkoracle; exec sh" {key}'
    (tmp_path / "authorized_keys").write_text(greeting, encoding="utf-8")
    sshd.start()
    with _connected(sshd.host) as target:
        results = list(Run(target, select(["RETURN-VALUES"])).results())
    assert {result.verdict for result in results} <= {Verdict.AGREES, Verdict.KNOWN}


def test_without_ssh_the_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No client in PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install openssh-client" in _refusal(Host("root", "localhost"))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("box", Host(None, "box")),
        ("root@box", Host("root", "box")),
        ("root@10.0.2.15:2222", Host("root", "10.0.2.15", 2222)),
        ("root@[fe80::1%eth0]:22", Host("root", "fe80::1%eth0", 22)),
    ],
)
def test_a_host_is_read(text: str, host: Host) -> None:
    """USER@HOST[:PORT] is taken apart, and written again as it was."""
    assert parse_host(text) == host
    assert str(host) == text


@pytest.mark.parametrize(
    "text",
    ["", "-oProxyCommand=x", "root@-x", "a b", "box:", "box:0", "box:65536", "a@b@c", "::1"],
)
def test_a_text_that_is_no_host_is_refused(text: str) -> None:
    """No text becomes an option of ssh, and none is guessed at."""
    with pytest.raises(SelectionError, match=r"expected USER@HOST\[:PORT\]"):
        choose_target(Wanted(host=text))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("ssh"), "needs a host: expected --host"),
        (
            Wanted("local", host="box"),
            "--host cannot be combined with --target local: expected --target ssh or auto",
        ),
        (Wanted(host="box", kernel=Path("netbsd")), "--kernel and --host cannot be combined"),
        (Wanted(identity=Path("key")), "--identity needs --host USER@HOST or --image FILE"),
        (Wanted(host="box", identity=Path("/nonexistent")), "no such file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(wanted: Wanted, said: str) -> None:
    """The error says what is wrong, or what is missing."""
    with pytest.raises(SelectionError, match=said):
        choose_target(wanted)


_VERSION = "NetBSD 9.9 (GENERIC) #0: Mon Jan  1 00:00:00 UTC 2024"
_ID = "$NetBSD: kern_fork.c,v {} 2020/01/01 00:00:00 nobody Exp $"


@pytest.mark.parametrize(
    ("contents", "zipped", "expected"),
    [
        (f"\0x{_VERSION}\0{_ID.format('1.213')}\0", False, ("1.213", False)),
        (f"\0x{_VERSION}\0{_ID.format('1.213')}\0", True, ("1.213", False)),
        (f"\0x{_VERSION}\0{_ID.format('1.202.4.2')}\0", False, ("1.202.4.2", False)),
        (f"\0xNetBSD 9.8\0{_ID.format('1.220')}\0", False, ("1.213", True)),
        (f"\0x{_VERSION}\0", False, ("1.213", True)),
        (None, False, ("1.213", True)),
    ],
)
def test_the_revision_is_that_of_the_running_kernel(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: str | None,
    zipped: bool,
    expected: tuple[str, bool],
) -> None:
    """It is read from the kernel's file where that is the running one, and else is a guess."""
    kernel = tmp_path / "netbsd"
    if contents is not None:
        data = contents.encode("latin-1")
        kernel.write_bytes(gzip.compress(data) if zipped else data)
    answers = f"machdep.booted_kernel) echo {kernel} ;; kern.version) echo '{_VERSION}' ;;"
    sysctl = tmp_path / "sysctl"
    sysctl.write_text(f"#!/bin/sh\ncase $2 in {answers} esac\n", encoding="ascii")
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found, _ = facts.netbsd_revisions(facts.ask_here, "9.9")
    assert (found.text, found.guessed) == expected
    assert found.revision == tuple(int(part) for part in expected[0].split(".")[:2])


@pytest.mark.parametrize(
    ("release", "guess"),
    [("8.3_STABLE", "1.202"), ("9.99.7", "1.229"), ("10.1", "1.229"), ("11.0_BETA", "1.232")],
)
def test_a_guess_goes_by_the_branch(release: str, guess: str) -> None:
    """Without a kernel file N.99 counts as N + 1, and the summary calls it a guess."""
    found, files = facts.netbsd_revisions(lambda _: [], release)
    assert found == facts.KernFork(guess, guessed=True)
    assert all(one.guessed for one in files)
    kernel = Kernel("NetBSD", release, "amd64", guess, guessed=True)
    assert "a guess from the release" in str(kernel)
