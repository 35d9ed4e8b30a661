"""Draws a log as a sequence picture (SVG): a line for each process, time downwards.

Each step is a mark on the line of its process, with the call and the observation beside it.
A birth, a signal and a wait are arrows; while a call was blocked, the line is a bar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from reference_model import Log, Scenario
from reference_model.language.observation import (
    GONE,
    NOT_REACHED,
    OK,
    STOPPED,
    UNFINISHED,
    blocked_until,
    change,
)
from reference_model.language.scenario import ANONYMOUS, BIRTHS, NOBODY, TRACER_VERBS

_LANE, _ROW, _TOP, _LEFT, _CHARACTER = 46, 40, 46, 30, 7.3


@dataclass(frozen=True)
class _Picture:
    scenario: Scenario
    log: Log
    lanes: dict[str, int]

    def y(self, index: float) -> float:
        return _TOP + _ROW * (index + 0.5)


def sequence(scenario: Scenario, log: Log, wrong: int | None, title: str) -> str:
    """Returns the picture of *log* as an ``svg`` element; step *wrong* is marked."""
    actors = _lanes(scenario)
    lanes = {name: _LEFT + _LANE * number for number, name in enumerate(actors)}
    picture = _Picture(scenario, log, lanes)
    beside = _LEFT + _LANE * len(lanes)
    longest = max(len(word) for word in (*scenario.calls(), *(f"→ {seen}" for seen in log)))
    width, height = beside + longest * _CHARACTER + 12, picture.y(len(log)) + 6
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:.0f} {height:.0f}",
            "width": f"{width:.0f}",
            "height": f"{height:.0f}",
            "role": "img",
            "class": "sequence",
        },
    )
    ElementTree.SubElement(svg, "title").text = title
    if wrong is not None:
        _add(svg, "rect", "wrong", x=2, y=picture.y(wrong) - _ROW / 2, rx=6,
             width=width - 4, height=_ROW)  # fmt: skip
    for name in actors:
        _lane(svg, picture, name)
    for index in range(len(log)):
        _step(svg, picture, index, beside)
    return ElementTree.tostring(svg, encoding="unicode")


def _lanes(scenario: Scenario) -> list[str]:
    """Returns the processes in the order of their first step, a tracer first."""
    named = [name for step in scenario.steps for name in (*step.actors(), step.child or "")]
    actors = [name for name in dict.fromkeys(named) if name and name not in NOBODY]
    if any(step.child == ANONYMOUS for step in scenario.steps):
        actors.append(ANONYMOUS)
    tracers = {step.actor for step in scenario.steps if step.verb in TRACER_VERBS}
    return sorted(actors, key=lambda name: name not in tracers)


def _add(
    parent: ElementTree.Element, tag: str, kind: str, text: str = "", **attributes: float
) -> ElementTree.Element:
    values = {name: f"{value:g}" for name, value in attributes.items()}
    element = ElementTree.SubElement(parent, tag, {"class": kind, **values})
    element.text = text or None
    return element


def _born(picture: _Picture, name: str) -> int | None:
    """Returns the step in which *name* was born; None for a root, -1 if it was never born."""
    for index, step in enumerate(picture.scenario.steps):
        if step.child == name:
            seen = picture.log[index]
            return index if seen.split()[0] in (name, UNFINISHED, GONE) else -1
    return None


def _ended(picture: _Picture, name: str) -> float:
    """Returns the step at which the line of *name* ends."""
    for index, step in enumerate(picture.scenario.steps):
        if step.actor == name and step.verb == "exit" and picture.log[index] == OK:
            return index
        if step.actor == name and picture.log[index] == GONE:
            return index - 0.5
    if name == ANONYMOUS:
        born = _born(picture, name)
        return (born if born is not None else 0) + 0.4
    return len(picture.log)


def _lane(svg: ElementTree.Element, picture: _Picture, name: str) -> None:
    x, born = picture.lanes[name], _born(picture, name)
    label = _add(svg, "text", "actor", name, x=x, y=20)
    label.set("text-anchor", "middle")
    if born == -1:
        return
    top = picture.y(born) if born is not None else _TOP - 14
    _add(svg, "line", "life", x1=x, x2=x, y1=top, y2=picture.y(_ended(picture, name)))


def _step(svg: ElementTree.Element, picture: _Picture, index: int, beside: float) -> None:
    step, seen = picture.scenario.steps[index], picture.log[index]
    x, y = picture.lanes[step.actor], picture.y(index)
    group = _add(svg, "g", "step")
    group.set("data-step", str(index))
    until = blocked_until(seen)
    if until is not None:
        _blocked(group, x, y, picture.y(until))
    elif seen == UNFINISHED:
        _blocked(group, x, y, picture.y(len(picture.log)))
    for kind, start, end in _arrows(picture, index):
        _arrow(group, kind, start, end, y)
    if seen in (GONE, NOT_REACHED):
        mark = "none"
    elif step.verb == "exit":
        mark = "end"
    else:
        mark = "call"
    _add(group, "circle", f"mark {mark}", cx=x, cy=y, r=5)
    told = change(seen)
    if told and told.how == STOPPED and told.process in picture.lanes:
        at = picture.lanes[told.process]
        _add(group, "rect", "mark stop", x=at - 5, y=y - 5, width=10, height=10)
    _add(group, "text", "did", step.call(), x=beside, y=y - 3)
    _add(group, "text", "saw", f"→ {seen}", x=beside, y=y + 12)


def _blocked(group: ElementTree.Element, x: float, top: float, bottom: float) -> None:
    _add(group, "rect", "blocked", x=x - 4, y=top, width=8, height=bottom - top)


def _arrows(picture: _Picture, index: int) -> Iterator[tuple[str, float, float]]:
    """Yields the arrows of a step: kind, start and end."""
    step, seen, lanes = picture.scenario.steps[index], picture.log[index], picture.lanes
    here = lanes[step.actor]
    if step.verb in BIRTHS and step.child in lanes and _born(picture, step.child) == index:
        yield "birth", here, lanes[step.child]
    if step.verb in ("kill", "PT_KILL") and step.args[0] in lanes and seen == OK:
        yield "signal", here, lanes[step.args[0]]
    told = change(seen)
    if step.verb == "wait4" and told and told.process in lanes:
        yield "wait", lanes[told.process], here


def _arrow(group: ElementTree.Element, kind: str, start: float, end: float, y: float) -> None:
    side = 1 if end > start else -1
    _add(group, "line", f"arrow {kind}", x1=start, x2=end - side * 6, y1=y, y2=y)
    tip = f"M{end - side * 6:g} {y:g}l{-side * 7} -4v8z"
    ElementTree.SubElement(group, "path", {"class": f"tip {kind}", "d": tip})
