"""The page and its pictures: what is drawn, and that nothing of a guest's is markup."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.report.pr.entry import entries
from conformance.report.pr.page import page
from conformance.report.pr.sequence import sequence
from conformance.report.pr.writing import write_folder
from conformance.results.result import Result
from conformance.verdicts.ranking import results_of
from tests.results_files import but, panicked, seen, summary
from tests.scenarios import steps

EVIL = "<script>document.title='run'</script><img src=x onerror=alert(1)>"
VFORK = steps(
    "vfork/x", "VFORK-WAIT", "P: vfork C", "Q: kill C SIGSTOP", "Q: kill C SIGKILL",
    "P: wait4 C",
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def made(*results: Result) -> str:
    data = results_of(summary(results))
    return page(data, entries(data))


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def drawn(log: tuple[str, ...], wrong: int | None) -> ElementTree.Element:
    return ElementTree.fromstring(sequence(VFORK, log, wrong, "seen"))


def marks(svg: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [e for e in svg.iter() if kind in e.get("class", "").split()]


def test_a_picture_has_a_line_for_each_process() -> None:
    """Lines, a bar for as long as the parent is held, arrows for birth, signals and wait."""
    svg = drawn(("C blocked 2", "ok", "ok", "C killed SIGKILL"), None)
    assert [e.text for e in marks(svg, "actor")] == ["P", "C", "Q"]
    assert len(marks(svg, "life")) == 3
    [held] = marks(svg, "blocked")
    groups = marks(svg, "step")
    assert [g.get("data-step") for g in groups] == ["0", "1", "2", "3"]
    row = float(marks(groups[1], "mark")[0].get("cy", "")) - float(
        marks(groups[0], "mark")[0].get("cy", "")
    )
    assert float(held.get("height", "")) == 2 * row
    assert len(svg.findall(f".//{SVG}line[@class='arrow birth']")) == 1
    assert len(svg.findall(f".//{SVG}line[@class='arrow signal']")) == 2
    assert len(svg.findall(f".//{SVG}line[@class='arrow wait']")) == 1
    assert not marks(svg, "wrong")


def test_a_stop_is_on_the_line_of_the_stopped_process() -> None:
    """The tracer sees the stop, and the square is on the tracee's line."""
    scenario = steps("trace/x", "TRACE-FORK-WHEN", "T: spawn P", "T: wait4 P")
    svg = ElementTree.fromstring(sequence(scenario, ("P", "P stopped SIGSTOP"), None, "seen"))
    assert [e.text for e in marks(svg, "actor")] == ["T", "P"]
    lanes = {e.text: float(e.get("x", "")) for e in marks(svg, "actor")}
    [stop] = marks(svg, "stop")
    assert float(stop.get("x", "")) + float(stop.get("width", "")) / 2 == lanes["P"]


def test_unobserved_steps_are_not_drawn() -> None:
    """A call that was not held has no bar, and a child that was never born no line."""
    svg = drawn(("EAGAIN", "ESRCH", "ESRCH", "ECHILD"), 0)
    assert not marks(svg, "blocked")
    assert not marks(svg, "arrow")
    assert len(marks(svg, "life")) == 2
    [wrong] = marks(svg, "wrong")
    [first] = marks(marks(svg, "step")[0], "mark")
    top, height = float(wrong.get("y", "")), float(wrong.get("height", ""))
    assert top < float(first.get("cy", "")) < top + height


def test_nothing_of_a_guest_runs_in_the_page() -> None:
    """Markup in scenario names, reasons, consoles and observations is shown as text."""
    evil = steps(f"x/{EVIL.replace(' ', '_')}", "VFORK-WAIT", "P: vfork C", "C: exit 0", "P: load")
    text = made(seen(evil, but(evil, s2=EVIL)), panicked(evil, EVIL))
    tags = Tags(text).tags
    assert not {"script", "img", "iframe", "object", "link"} & {tag for tag, _ in tags}
    assert not [attrs for _, attrs in tags if any(name.startswith("on") for name in attrs)]
    assert text.count("&lt;script&gt;") >= 4


def test_the_page_needs_no_network() -> None:
    """Nothing in it is fetched: its links lead to files beside it or to places in it."""
    text = made(seen(VFORK, but(VFORK, s0="C")))
    tags = Tags(text).tags
    links = [attrs["href"] or "" for _, attrs in tags if "href" in attrs]
    assert links
    assert not [link for link in links if "/" in link or ":" in link]
    assert not [attrs for _, attrs in tags if "src" in attrs]
    assert not re.search(r"url\(|@import", text)
    assert sum(tag == "svg" for tag, _ in tags) == 2


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(tmp_path: Path, width: int) -> None:
    """In a real browser it is not wider than the window, and no script of a guest's runs."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium")
    long = "x" * 300
    data = results_of(
        summary([panicked(VFORK, f"{EVIL}\n{long}"), seen(VFORK, but(VFORK, s3=long))])
    )
    write_folder(data, entries(data), tmp_path / "report")
    index = tmp_path / "report" / "index.html"
    # A frame is as wide as we say; a headless window is not.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"<iframe id=f src='report/index.html' style='width:{width}px;height:900px'></iframe>"
        "<script>onload = () => { const d = f.contentDocument; document.body.textContent ="
        " JSON.stringify([d.documentElement.scrollWidth, f.clientWidth, d.title]) }</script>"
    )
    assert index.is_file()
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{frame}"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    answer = re.search(r"<body>(\[.*?\])</body>", done.stdout)
    assert answer, done.stdout[-500:] + done.stderr[-500:]
    wide, window, title = json.loads(answer[1])
    assert wide <= window
    assert title == "forkoracle: NetBSD 10.1"
