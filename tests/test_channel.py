"""A probe that misbehaves costs the scenario that is under way, and no other."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from conformance.probe.build import build_probe
from conformance.targets import channel as channel_module
from conformance.targets.channel import MAX_FAILURES, Channel, ProbeError, wire_text
from conformance.targets.process import ProbeProcess
from reference_model import Options, Scenario, predict
from reference_model.language.answer import NotDecided, Observed
from tests.processes import marked, wait_until
from tests.scenarios import named, steps

_FAKE = r"""
import os, signal, sys

def say(text):
    os.write(1, text.encode("latin-1"))

way = sys.argv[1]
if way == "greets wrongly":
    say("hello\n")
elif way == "greets not":
    sys.exit(4)
elif way == "greets twice":
    say("forkoracle-probe 3 Fake 1 none uid=0 tracer=no nproc=1/2 maxproc=3 lacks=-\n" * 2)
else:
    say("forkoracle-probe 3 Fake 1 none uid=0 tracer=no nproc=1/2 maxproc=3 lacks=-\n")
number, steps = 0, []
for line in sys.stdin:
    if line != "\n":
        steps.append(line)
        continue
    log = ["ok"] * len(steps)
    first, last = f"= {number}\n", ".\n"
    if "P: getcwd\n" in steps:
        if way == "dies":
            sys.exit(3)
        if way == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "dies in a line":
            say(first + "o")
            sys.exit(3)
        if way == "hangs":
            os.kill(os.getpid(), signal.SIGSTOP)
        if way == "hangs in a line":
            say(first + "o")
            os.kill(os.getpid(), signal.SIGSTOP)
        if way == "closes its output":
            os.close(1)
            signal.pause()
        if way == "talks rubbish":
            first = "Segmentation fault\n"
        if way == "has another number":
            first = f"= {number + 1}\n"
        if way == "says too much":
            log.append("ok")
        if way == "says too little":
            log.pop()
        if way == "says nothing in a line":
            log[0] = ""
        if way == "says \\xff":
            log[0] = "\xff"
        if way == "says escape":
            log[0] = "\x1b[2J"
        if way == "says very much":
            log[0] = "o" * 100_000
        if way == "cannot":
            log[0] = "cannot"
        if way == "refuses":
            log = ["! too many actors"]
    say(first + "".join(seen + "\n" for seen in log) + last)
    number, steps = number + 1, []
"""

GOOD = [steps(f"mine/{n}", "SUCCESS", "P: load", "P: load") for n in range(4)]
BAD = steps("mine/bad", "SUCCESS", "P: getcwd", "P: load")
OK = ("ok", "ok")

WAYS = {
    "dies": "the probe ended with status 3",
    "is killed": "the probe was killed by SIGKILL",
    "dies in a line": "the probe ended with status 3 in the middle of the line b'o'",
    "closes its output": "the probe closed its output",
    "talks rubbish": "the probe said 'Segmentation fault': expected '= 0'",
    "has another number": "the probe said '= 1': expected '= 0'",
    "says too much": "the probe said 'ok': expected the end of the log",
    "says too little": "the probe said nothing for 5 s",
    "says nothing in a line": "the probe said '': expected an observation",
    "says \\xff": r"the probe said b'\xff': expected ASCII",
    "says escape": r"the probe said '\x1b[2J': expected an observation",
    "says very much": f"the probe said '{'o' * 60}': expected an observation",
    "cannot": "the target cannot do 'P: getcwd'",
    "refuses": "the probe cannot do this: too many actors",
}


def channel_to(*command: str, patience: float = 0.05) -> Channel:
    """A channel that starts its probes with that command."""
    return Channel(lambda: ProbeProcess(command), patience)


def fake(folder: Path, way: str) -> Channel:
    """A channel to a probe that misbehaves in that way at the scenario BAD."""
    script = folder / "fake.py"
    script.write_text(_FAKE, encoding="utf-8")
    return channel_to(sys.executable, str(script), way)


def real_probe() -> Channel:
    """A channel to the real probe, which has little patience."""
    return channel_to(str(build_probe()), "--patience", "500", patience=0.5)


def processes(channel: Channel) -> list[psutil.Process]:
    """Returns the session of the probe that the channel runs now."""
    probe = channel.transport
    assert isinstance(probe, ProbeProcess)
    return probe.session()


@pytest.mark.parametrize("way", WAYS)
def test_a_misbehaving_probe_costs_one_scenario(tmp_path: Path, mark: str, way: str) -> None:
    """The scenario under way is not decided, with that reason; those before and after are."""
    batch = [*GOOD[:2], BAD, *GOOD[2:]]
    with fake(tmp_path, way) as channel:
        answers = list(channel.run(batch))
        assert marked(mark)
    assert [scenario for scenario, _ in answers] == batch
    assert [seen for _, seen in answers] == [OK, OK, NotDecided(WAYS[way]), OK, OK]


@pytest.mark.parametrize(
    ("way", "rest"), [("hangs", ""), ("hangs in a line", "")], ids=["silent", "half a line"]
)
def test_a_probe_that_hangs_is_replaced(tmp_path: Path, mark: str, way: str, rest: str) -> None:
    """Stopped with SIGSTOP, it is given up after its time, killed, and the rest goes on."""
    with fake(tmp_path, way) as channel:
        seen = [observed for _, observed in channel.run([GOOD[0], BAD, GOOD[1]])]
    assert (seen[0], seen[2]) == (OK, OK)
    assert isinstance(seen[1], NotDecided)
    assert seen[1].reason.startswith("the probe said nothing for ")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("greets wrongly", "the probe said 'hello': expected its greeting"),
        ("greets not", "the probe ended with status 4"),
    ],
)
def test_a_probe_without_a_greeting_is_none(
    tmp_path: Path, mark: str, way: str, reason: str
) -> None:
    """It is tried a few times, and then nothing is decided, with that reason."""
    with fake(tmp_path, way) as channel:
        with pytest.raises(ProbeError, match=r"^the probe"):
            channel.hello()
        batch = GOOD * 3
        seen = [observed for _, observed in channel.run(batch)]
    given_up = NotDecided(f"given up after {MAX_FAILURES} failures: {reason}", gave_up=True)
    assert seen == [given_up] * len(batch)


def test_failures_with_successes_between_are_not_given_up(tmp_path: Path, mark: str) -> None:
    """The failures are counted in a row: a probe that decides something starts afresh."""
    with fake(tmp_path, "dies") as channel:
        seen = [observed for _, observed in channel.run([BAD, GOOD[0]] * (MAX_FAILURES + 2))]
    assert seen == [NotDecided(WAYS["dies"]), OK] * (MAX_FAILURES + 2)


def test_a_probe_that_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    """A file that cannot be executed is a ProbeError with its name."""
    with (
        channel_to(str(tmp_path / "nothing")) as channel,
        pytest.raises(ProbeError, match=r"cannot start the probe .*nothing: No such file"),
    ):
        channel.hello()


def test_a_line_without_an_end_is_given_up(tmp_path: Path) -> None:
    """A probe that talks for ever without an end of line is cut off long before four MiB."""
    script = tmp_path / "flood.py"
    greeting = "forkoracle-probe 3 Fake 1 none uid=0 tracer=no nproc=1/2 maxproc=3 lacks=-"
    script.write_text(
        f"import os\nos.write(1, b'{greeting}\\n= 0\\n')\n"
        "for _ in range(64):\n    os.write(1, b'o' * 65536)\n",
        encoding="ascii",
    )
    with channel_to(sys.executable, str(script)) as channel:
        [(_, seen)] = channel.run([GOOD[0]])
    assert isinstance(seen, NotDecided)
    assert "in the middle of the line" not in seen.reason


# -- the real probe ------------------------------------------------------------

FORKS = [
    steps(f"mine/{n}", "SYS-FORK", "P: fork C", f"C: exit {n % 200}", "P: wait4 C")
    for n in range(60)
]


def _answers(channel: Channel, kill: str) -> tuple[list[Observed], list[int]]:
    """All observations; after the third one, *kill* of the probe's processes is killed."""
    seen: list[Observed] = []
    killed = []
    for number, (_, observed) in enumerate(channel.run(FORKS)):
        seen.append(observed)
        if number == 2:
            supervisor = next(p for p in processes(channel) if p.pid == os.getsid(p.pid))
            director = min(supervisor.children(), key=lambda p: p.create_time())
            victim = {"supervisor": supervisor, "director": director}[kill]
            victim.send_signal(signal.SIGKILL)
            killed.append(victim.pid)
    return seen, killed


@pytest.mark.parametrize("kill", ["supervisor", "director"])
def test_the_rest_goes_on_when_the_real_probe_is_killed(mark: str, kill: str) -> None:
    """`kill -9` in a batch spoils the scenarios under way. The others agree with the model."""
    with real_probe() as channel:
        seen, killed = _answers(channel, kill)
        assert len(killed) == 1
    expected = [predict(scenario, Options()) for scenario in FORKS]
    assert len(seen) == len(FORKS)
    spoilt = [
        index for index, pair in enumerate(zip(seen, expected, strict=True)) if len({*pair}) > 1
    ]
    assert len(spoilt) <= 1
    if kill == "supervisor":
        assert all(isinstance(seen[index], NotDecided) for index in spoilt)


def test_an_actor_that_waits_for_its_turn_sleeps(mark: str) -> None:
    """Q waits for its turn and runs seldom. The director watches and runs often."""
    waits = steps("mine/waits", "SUCCESS", "Q: getppid", "P: sleep 1500", "Q: getppid")
    probe = channel_to(str(build_probe()), "--patience", "5000", patience=5)
    with probe as channel, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: list(channel.run([waits])))
        wait_until(lambda: channel.transport is not None and len(processes(channel)) == 4)
        supervisor = next(p for p in processes(channel) if p.pid == os.getsid(p.pid))
        [director] = supervisor.children()
        watched = [director, *sorted(director.children(), key=lambda child: child.pid)]
        before = [process.num_ctx_switches().voluntary for process in watched]
        wait_until(lambda: director.num_ctx_switches().voluntary > before[0] + 100)
        switches = [
            process.num_ctx_switches().voluntary - was
            for process, was in zip(watched, before, strict=True)
        ]
        assert answer.result()[0][1] == predict(waits, Options())
    assert 10 * max(switches[1:]) < switches[0]


def test_a_long_sleep_step_does_not_count_as_hung(mark: str) -> None:
    """The step `sleep` has its time beside the probe's patience of half a second."""
    sleeps = steps("mine/sleeps", "SUCCESS", "Q: getppid", "P: sleep 1000", "Q: getppid")
    with real_probe() as channel:
        [(_, seen)] = channel.run([sleeps])
    assert seen == predict(sleeps, Options())


@pytest.mark.parametrize(("settings", "played_by"), [({}, 2), ({"staged": 1}, 3)])
def test_staged_has_an_actor_play(mark: str, settings: dict[str, int], played_by: int) -> None:
    """The director plays a root that needs no watching itself, unless an option forbids it."""
    alone = steps("mine/alone", "SUCCESS", "P: sleep 400")
    with real_probe() as channel, ThreadPoolExecutor(1) as pool:
        channel.hello()
        answer = pool.submit(lambda: list(channel.run([alone], settings)))
        wait_until(lambda: len(processes(channel)) == played_by)
        [(_, seen)] = answer.result()
    assert seen == ("ok",)


def test_leaving_in_mid_batch_leaves_nothing_behind(mark: str) -> None:
    """An exception between two scenarios, as Ctrl-C is one, ends every process of the probe."""
    channel = real_probe()
    with channel:
        next(channel.run(FORKS))
        assert marked(mark)
        channel.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert marked(mark) == []


def test_the_probe_gets_the_value_of_count() -> None:
    """A count goes before the steps; without one there are only the steps."""
    scenario: Scenario = GOOD[0]
    assert wire_text(scenario, {"count": 12}) == "count 12\nP: load\nP: load\n\n"
    assert wire_text(scenario) == "P: load\nP: load\n\n"


def test_staged_scenarios_give_the_same_logs() -> None:
    """Whether the director plays a scenario itself, or has it played, makes no difference."""
    batch = named("validation/0x00000014", "validation/0x0000011?", "validation/0x000009ff")
    with real_probe() as channel:
        alone = list(channel.run(batch))
        assert list(channel.run(batch, {"staged": 1})) == alone


def test_the_history_is_what_the_same_probe_has_run(tmp_path: Path) -> None:
    """A probe that has died has a history of its own, and so has the next one."""
    with fake(tmp_path, "dies") as channel:
        answers = channel.run([*GOOD[:2], BAD, *GOOD[2:]])
        next(answers)
        assert channel.history(GOOD[0]) == ()
        assert [scenario.name for scenario, _ in answers][-1] == "mine/3"
        assert channel.history(GOOD[1]) == (GOOD[0],)
        assert channel.history(GOOD[3]) == (GOOD[2],)
        assert channel.history(BAD) == ()
        list(channel.run(GOOD[:1]))
        assert channel.history(GOOD[0]) == (GOOD[2], GOOD[3])


def test_a_history_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without end needs no more memory for it."""
    monkeypatch.setattr(channel_module, "LONGEST_HISTORY", 2)
    many = [steps(f"mine/{n}", "SUCCESS", "P: load") for n in range(20)]
    with fake(tmp_path, "") as channel:
        list(channel.run(many))
        assert channel.history(many[-1]) == tuple(many[-3:-1])
        assert channel.history(many[0]) == ()


def test_each_scenario_gets_user_ids_of_its_own() -> None:
    """Others are not told any."""
    sent: list[str] = []

    class Deaf:
        """Notes what it is sent."""

        def send(self, texts: Sequence[str]) -> None:
            sent.extend(texts)

        def line(self, timeout: float) -> str:
            if not sent:
                return "forkoracle-probe 3 A 1 b uid=0 tracer=no nproc=1/2 maxproc=3 lacks=-"
            raise ProbeError("it is deaf")

        def finish(self) -> None: ...

        def kill(self) -> None: ...

    another = steps("mine/user", "SUCCESS", "P: setreuid free1 -1")
    list(Channel(Deaf).run([another, GOOD[0], another], {}, iter(range(5000, 5004, 2))))
    assert [text.partition("P:")[0] for text in sent[:3]] == ["free 5000\n", "", "free 5002\n"]
