"""The 77 clauses: all of them in the model, in the C file's order, and in the C file itself."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise

import pytest

from conformance.scenarios.catalogue import catalogue, tagged_lines
from conformance.scenarios.families import FAMILIES
from conformance.scenarios.families.trace import EVENTS
from reference_model import kern_fork
from reference_model.clauses import Clause, clauses
from tests.kern_fork_file import KERN_FORK, needs_kern_fork

FUNCTIONS = (
    "sys_fork",
    "sys_vfork",
    "sys___vfork14",
    "sys___clone",
    "tracefork",
    "tracevfork",
    "tracevforkdone",
    "fork1",
    "child_return",
)
#: Lines that the table gives to another clause, or to none: 443 clears the flags of which 472
#: inherits three, and md_child_return() in 663 is where the child's return values are set.
_ALSO = {"STOP-FLAGS-INHERITED": [443], "RETURN-VALUES": [663]}


def lines_of(clause: Clause) -> list[int]:
    """The lines of kern_fork.c that the clause stands in."""
    found = list(_ALSO.get(clause.name, []))
    for part in clause.lines.split(", "):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return sorted(found)


def tags_of(function: str) -> list[str]:
    """The clauses that the model's function names, statement by statement."""
    lines, first = inspect.getsourcelines(getattr(kern_fork, function))
    by_line = [
        (line, clause)
        for clause, where in tagged_lines().items()
        for line in where
        if first <= line < first + len(lines)
    ]
    return [clause for _, clause in sorted(by_line)]


def goes_back(tags: list[str]) -> str | None:
    """The first clause that cannot stand where it stands: all its C lines are behind us."""
    at = 0
    for tag in tags:
        ahead = [line for line in lines_of(clauses()[tag]) if line >= at]
        if not ahead:
            return tag
        at = ahead[0]
    return None


def test_there_are_77_clauses() -> None:
    """The table has the 77 clauses, each with lines, a sentence, and a way to be seen."""
    assert len(clauses()) == 77
    for clause in clauses().values():
        assert lines_of(clause)
        assert clause.says
        assert clause.observe in ("live", "source")


def test_the_table_is_in_the_c_files_order() -> None:
    """It is read down beside the C file: only what stands in several places goes back."""
    firsts = [(int(re.split("[-,]", c.lines)[0]), name) for name, c in clauses().items()]
    back = [later for (a, _), (b, later) in pairwise(firsts) if b < a]
    assert back == ["CLONE-UNKNOWN-BITS", "CLONE-CHECK-ORDER", "NPROC-COUNTS-REAL-UID"]


def test_every_clause_is_modelled() -> None:
    """Each clause tags at least one statement of the model, and each tag is a clause."""
    assert [entry.clause.name for entry in catalogue()] == list(clauses())
    assert [entry.clause.name for entry in catalogue() if not entry.model_lines] == []


def test_the_models_functions_are_in_the_c_files_order() -> None:
    """The functions follow one another as they do in kern_fork.c."""
    tree = ast.parse(inspect.getsource(kern_fork))
    assert tuple(n.name for n in tree.body if isinstance(n, ast.FunctionDef)) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_models_statements_are_in_the_c_files_order(function: str) -> None:
    """Read down, each tag finds a line of its clause at or below the line of the tag before."""
    tags = tags_of(function)
    assert tags
    assert goes_back(tags) is None


def test_a_shuffled_fork1_is_noticed() -> None:
    """Any two neighbours in fork1 whose clauses do not overlap may not change places."""
    tags = tags_of("fork1")
    swapped = 0
    for index, (a, b) in enumerate(pairwise(tags)):
        if max(lines_of(clauses()[a])) < min(lines_of(clauses()[b])):
            shuffled = [*tags[:index], b, a, *tags[index + 2 :]]
            assert goes_back(shuffled) is not None, (a, b)
            swapped += 1
    assert swapped > 40


def functions_of_c(source: str) -> dict[str, range]:
    """Each function of a C file in KNF style, with its lines."""
    found: dict[str, range] = {}
    lines = source.splitlines()
    for number, line in enumerate(lines, 1):
        if (name := re.match(r"(\w+)\(", line)) and number > 1 and lines[number - 2].strip():
            end = next((n for n in range(number, len(lines) + 1) if lines[n - 1] == "}"), None)
            if end is not None:
                found[name[1]] = range(number - 1, end + 1)
    return found


@needs_kern_fork
def test_clauses_lie_in_the_c_function_of_the_model() -> None:
    """The lines of a clause lie in the C function whose namesake in the model carries its tag."""
    source = KERN_FORK.read_text(encoding="latin-1")
    lines, found = source.splitlines(), functions_of_c(source)
    assert set(FUNCTIONS) <= set(found)
    comment = re.compile(r"\s*(/?\*|$)")
    where: dict[str, set[int]] = {}
    for function in FUNCTIONS:
        for tag in tags_of(function):
            where.setdefault(tag, set()).update(found[function])
    assert where.keys() == clauses().keys()
    for tag, allowed in where.items():
        code = [n for n in lines_of(clauses()[tag]) if not comment.match(lines[n - 1])]
        assert [n for n in code if n not in allowed] == [], tag


@needs_kern_fork
def test_every_return_of_the_c_file_is_in_some_clause() -> None:
    """No statement of kern_fork.c with a result is outside all clauses."""
    covered = {line for clause in clauses().values() for line in lines_of(clause)}
    lines = KERN_FORK.read_text(encoding="latin-1").splitlines()
    returns = [n for n, text in enumerate(lines, 1) if re.match(r"\t+return\b", text)]
    assert len(returns) == 16
    assert [n for n in returns if n not in covered] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_names_clauses_that_there_are(family: str) -> None:
    """Every clause of every scenario is in the table, and every name begins with the family's."""
    for scenario in FAMILIES[family].scenarios():
        assert scenario.clauses() <= clauses().keys()
        assert scenario.family == family


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_the_same_for_the_same_seed(family: str) -> None:
    """Two generations with one seed are equal, and no name stands twice."""
    scenarios = FAMILIES[family].scenarios(7)
    assert scenarios == FAMILIES[family].scenarios(7)
    assert len({s.name for s in scenarios}) == len(scenarios)


def test_the_seed_matters_where_there_is_chance() -> None:
    """Another seed gives other random combinations of bits."""
    family = FAMILIES["validation"]
    assert family.scenarios(1) != family.scenarios(2)


def test_validation_is_exhaustive() -> None:
    """Each subset of the six named flags with each of the 256 exit signals, and each other bit."""
    names = {scenario.name for scenario in FAMILIES["validation"].scenarios()}
    named = (0x100, 0x200, 0x400, 0x800, 0x2000, 0x4000)
    for subset in range(64):
        flags = sum(flag for n, flag in enumerate(named) if subset >> n & 1)
        legal = not flags & 0x2000 and (flags & 0x100 or not flags & 0x800)
        assert {f"validation/{flags | signal:#010x}" for signal in range(256)} <= names
        for bit in range(8, 32):
            if legal and 1 << bit not in named:
                assert f"validation/{1 << bit | flags | 20:#010x}" in names


def test_the_traced_family_has_every_mask_call_and_start() -> None:
    """Five calls by the eight subsets of the three events by traced from birth or attached."""
    names = {s.name.rpartition("/")[0] for s in FAMILIES["trace"].scenarios()}
    assert len({name.split("/")[3] for name in names}) == 2 ** len(EVENTS)
    assert len(names) == 5 * 2 ** len(EVENTS) * 2
