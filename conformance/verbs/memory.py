"""What of its memory a child has: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import nothing, number, one_of
from conformance.verbs.entry import C, Drawn, Topic, verb
from reference_model.language.netbsd import INHERITANCES

verb("store", Drawn(Topic.MEMORY, 4, "", number), C("saw word", 'word = {0};\nsaw({i}, "ok");'))
verb(
    "load",
    Drawn(Topic.MEMORY, 4, "ADDRESS-SPACE", nothing),
    C("saw word", 'saw({i}, "%ld", word);'),
)
verb(
    "minherit",
    Drawn(Topic.MEMORY, 2, "", one_of(*INHERITANCES)),
    C("page saw_result", 'saw_result({i}, minherit(page, sizeof(page), {0}), "ok");'),
)
verb("page_store", Drawn(Topic.MEMORY, 2, "", number), C("page_word", "page_word({i}, 1, {0});"))
verb(
    "page_load",
    Drawn(Topic.MEMORY, 3, "ADDRESS-SPACE", nothing),
    C("page_word", "page_word({i}, 0, 0);"),
)
