"""The scenario as text: what parse() reads is what text() wrote, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.scenarios.families import FAMILIES
from conformance.targets.channel import wire_text
from reference_model import Options, Scenario, ScenarioError, parse, predict
from reference_model.clauses import clauses
from reference_model.language.netbsd import CLONE_FLAGS
from reference_model.language.scenario import MAX_ACTORS, MAX_STEPS, flags_text, flags_value
from tests.scenarios import drawn, named, one


@pytest.mark.parametrize("family", FAMILIES)
def test_every_scenario_of_a_family_comes_back(family: str) -> None:
    """parse(text()) gives the value that text() was asked of."""
    scenarios = FAMILIES[family].scenarios()
    assert parse("\n".join(s.text() for s in scenarios)) == scenarios


@given(drawn())
def test_any_scenario_comes_back(scenario: Scenario) -> None:
    """The same for whatever the language allows."""
    assert parse(scenario.text()) == [scenario]


@given(st.integers(0, 2**32 - 1))
def test_every_flag_word_comes_back(flags: int) -> None:
    """flags_value() is the inverse of flags_text(), and the names in it are the bits' names."""
    text = flags_text(flags)
    assert flags_value(text) == flags
    for name, bit in CLONE_FLAGS.items():
        assert (name in text.split("|")) == bool(flags & bit)


GOOD = named("sharing/0x00000/memory")[0].text()


@given(
    st.integers(0, len(GOOD)),
    st.integers(0, 30),
    st.text(max_size=8),
    st.sampled_from(GOOD.split()),
)
def test_a_damaged_text_is_read_or_refused_in_one_line(
    start: int, length: int, text: str, word: str
) -> None:
    """Whatever is cut out and put in: scenarios, or one line that begins with where."""
    damaged = GOOD[:start] + text + word + GOOD[start + length :]
    try:
        scenarios = parse(damaged)
    except ScenarioError as error:
        message = str(error)
        assert message.startswith("line ")
        assert "\n" not in message
    else:
        for scenario in scenarios:
            assert parse(scenario.text()) == [scenario]


def wrong(step: str, *before: str) -> str:
    return "\n".join(("scenario mine/wrong", "about SUCCESS", *before, step)) + "\n"


BAD = {
    "no scenario": ("P: fork C\n", 1, "P: fork C", "scenario NAME"),
    "no name": ("scenario\n", 1, "scenario", "scenario NAME"),
    "no clause": ("scenario a\nP: fork C\n", 1, "a", "about CLAUSE"),
    "bad clause": ("scenario a\nabout fork\n", 2, "about fork", "VFORK-WAIT"),
    "no steps": ("scenario a\nabout SUCCESS\n", 1, "a", "expected a step"),
    "too many steps": (
        "scenario a\nabout SUCCESS\n" + "P: load\n" * (MAX_STEPS + 1),
        3 + MAX_STEPS,
        "scenario a has",
        f"more than {MAX_STEPS} steps",
    ),
    "too many actors": (
        "scenario a\nabout SUCCESS\n" + "".join(f"A{n}: load\n" for n in range(MAX_ACTORS + 1)),
        3 + MAX_ACTORS,
        "more than",
        f"{MAX_ACTORS} actors",
    ),
    "no actor": (wrong("fork C"), 3, "fork C", "ACTOR: VERB"),
    "bad actor": (wrong("p: fork C"), 3, "'p'", "an actor such as C"),
    "unknown verb": (wrong("P: spoon C"), 3, "'spoon'", "fork vfork __vfork14 __clone"),
    "misspelt verb": (wrong("P: frok C"), 3, "'frok'", "did you mean fork"),
    "too few words": (wrong("P: kill C"), 3, "kill takes C SIGNAL", "'kill C SIGUSR1'"),
    "one limit": (wrong("P: setrlimit 3"), 3, "takes SOFT HARD", "'setrlimit count+1 count+1'"),
    "too many words": (wrong("P: load 3"), 3, "load", "no arguments"),
    "bad child": (wrong("P: fork 3"), 3, "'3'", "an actor such as C, or -"),
    "bad whom": (wrong("P: wait4 all"), 3, "'all'", "any, or -"),
    "flags out of order": (wrong("P: __clone SIGCHLD|CLONE_VM C"), 3, "SIG", "CLONE_VM|SIGCHLD"),
    "bad stack": (wrong("P: __clone 0 C mine"), 3, "'mine'", "own"),
    "bad number": (wrong("P: store -1"), 3, "'-1'", "a number from 0"),
    "bad status": (wrong("P: exit 256"), 3, "'256'", "an exit status from 0 to 255"),
    "the probe's descriptor": (wrong("P: close 0"), 3, "'0'", "a descriptor from 20 to 63"),
    "no descriptor": (wrong("P: dup2 20 64"), 3, "'64'", "a descriptor from 20 to 63"),
    "long sleep": (wrong("P: sleep 5000"), 3, "'5000'", "milliseconds, at most 1500"),
    "two of one name": (wrong("P: load") + "\n" + wrong("P: load"), 5, "mine/wrong", "of line 1"),
    "unknown clause": (wrong("P: load [VFORK-WIAT]"), 3, "VFORK-WIAT", "did you mean VFORK-WAIT"),
    "bad signal": (wrong("P: kill P SIGTREM"), 3, "'SIGTREM'", "SIGTERM"),
    "signal 0": (wrong("P: kill P SIG0"), 3, "'SIG0'", "below 64"),
    "signal 64": (wrong("P: kill P SIG64"), 3, "'SIG64'", "below 64"),
    "bad option": (wrong("P: wait4 any WNOWAIT"), 3, "'WNOWAIT'", "WNOHANG, WUNTRACED"),
    "bad wait6 option": (wrong("P: wait6 P_PID P WEXIT"), 3, "'WEXIT'", "WNOWAIT"),
    "bad policy": (wrong("P: sched_setparam FIFO 3"), 3, "'FIFO'", "SCHED_OTHER, SCHED_FIFO"),
    "bad idtype": (wrong("P: wait6 P_SID P WEXITED"), 3, "'P_SID'", "P_ALL, P_PID, P_PGID"),
    "bad group": (wrong("P: killpg any SIGHUP"), 3, "'any'", "an actor such as C, or own"),
    "bad path": (wrong("P: chdir dev"), 3, "'dev'", "/, /dev or /tmp"),
    "bad octal": (wrong("P: umask 22"), 3, "'22'", "an octal number"),
    "bad disposition": (wrong("P: sigaction SIGHUP caught"), 3, "'caught'", "ignore or catch"),
    "bad how": (wrong("P: sigprocmask set SIGHUP"), 3, "'set'", "block or unblock"),
    "bad limit": (wrong("P: setrlimit count 3"), 3, "'count'", "count+N or count-N"),
    "bad uid": (wrong("P: setreuid -2 0"), 3, "'-2'", "0, -1, free1 or free2"),
    "bad event": (wrong("P: PT_SET_EVENT_MASK P FORK"), 3, "'FORK'", "PTRACE_POSIX_SPAWN or 0"),
    "bad step's clause": (wrong("P: load [fork]"), 3, "P: load [fork]", "a clause in brackets"),
    "born twice": (wrong("P: fork C", "P: fork C"), 4, "C cannot be born twice", "in line 3"),
    "born late": (wrong("P: fork C", "C: load"), 4, "C cannot be born", "acts in line 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_text_is_refused_with_line_and_alternatives(name: str) -> None:
    """One line: the number of the wrong line, what stands there, and what may stand there."""
    text, line, what, allowed = BAD[name]
    with pytest.raises(ScenarioError) as caught:
        parse(text, clauses())
    message = str(caught.value)
    assert message.startswith(f"line {line}: ")
    assert what in message
    assert allowed in message
    assert "\n" not in message


def test_a_misspelt_flag_gets_the_allowed_names() -> None:
    """A misspelt flag name gets the names, as a misspelt wait option does."""
    with pytest.raises(ScenarioError, match="CLONE_VM"):
        parse(wrong("P: __clone CLONE_VN|SIGCHLD C"))


def test_a_signal_is_written_in_ascii() -> None:
    """A digit that the probe does not know is none, though Python knows it."""
    with pytest.raises(ScenarioError, match="SIG40"):
        parse(wrong("P: kill P SIG\N{ARABIC-INDIC DIGIT THREE}"))


@given(drawn())
def test_the_wire_is_ascii_and_a_line_a_step(scenario: Scenario) -> None:
    """The probe gets each step on a line of its own, and a blank line at the end."""
    lines = wire_text(scenario).encode("ascii").decode().split("\n")
    assert lines == [*(step.call() for step in scenario.steps), "", ""]


def test_comments_and_blank_lines_part_scenarios() -> None:
    """Two scenarios with a comment in each are two scenarios without."""
    first, second = named("vfork/fork/memory", "vfork/vfork/retval")
    text = f"# one\n{first.text()}\n\n# two\n{second.text()}# end\n"
    assert parse(text) == [first, second]


def test_a_comment_may_stand_behind_a_step() -> None:
    plain = "scenario a/#1\nabout SUCCESS LWP\nP: load [LWP]\nP: getcwd\n"
    assert parse(plain.replace(" LWP\n", " LWP # why\n").replace("]", "]  # how")) == parse(plain)


def test_actors_that_no_step_creates_are_roots() -> None:
    """roots() are those whom no step gives birth to, in the order of their first steps."""
    scenario = one(
        "scenario a\nabout SUCCESS\nQ: load\nT: spawn P\nP: fork -\nP: fork C\nC: load\n"
    )
    assert scenario.roots() == ("Q", "T")
    assert [step.child for step in scenario.steps] == [None, "P", "-", "C", None]
    assert scenario.traced


def test_an_observation_speaks_for_its_step_or_for_the_scenario() -> None:
    """clause_of() is the clause in brackets, or the first one after `about`."""
    scenario = one("scenario a\nabout SUCCESS LWP\nP: load\nP: load [FILES]\n")
    assert [scenario.clause_of(index) for index in (0, 1)] == ["SUCCESS", "FILES"]
    assert scenario.clauses() == {"SUCCESS", "LWP", "FILES"}


def test_a_child_is_named_only_once_it_is_known() -> None:
    """The child of a call that is held is known from its own first step on, and not before."""
    options = Options()
    for family in FAMILIES.values():
        for scenario in family.scenarios():
            births = [i for i, step in enumerate(scenario.steps) if step.child not in (None, "-")]
            log = predict(scenario, options) if births else ()
            for i in births:
                child, held = scenario.steps[i].child, log[i].partition(" blocked ")[2]
                for step in scenario.steps[i + 1 : int(held or 0) + 1]:
                    if step.actor == child:
                        break
                    assert child not in step.args, scenario.text()
