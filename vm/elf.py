"""Reads machine, notes and symbols of ELF files with pyelftools.

Loading it takes a tenth of a second, so only what reads such a file loads this module.
"""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.construct.core import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_E_MACHINE
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import NoteSegment

#: Exceptions of pyelftools for a damaged file.
DAMAGED = (
    ConstructError,
    ELFError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def machine(image: bytes) -> tuple[int, str]:
    """Returns the number and the name of the machine that the file is for."""
    elf = ELFFile(io.BytesIO(image))
    number = elf["e_machine"]
    return ENUM_E_MACHINE.get(number, number), elf.get_machine_arch()


def notes(image: bytes) -> list[tuple[str, int | str]]:
    """Returns the owner and type of each note; types that ELF itself knows have names."""
    return [
        (note["n_name"], note["n_type"])
        for segment in ELFFile(io.BytesIO(image)).iter_segments("PT_NOTE")
        if isinstance(segment, NoteSegment)
        for note in segment.iter_notes()
    ]


def symbols(image: bytes) -> list[tuple[int, str]]:
    """Returns address and name of the symbols that have a place in a section, by address."""
    return sorted(
        (symbol["st_value"], symbol.name)
        for table in ELFFile(io.BytesIO(image)).iter_sections("SHT_SYMTAB")
        if isinstance(table, SymbolTableSection)
        for symbol in table.iter_symbols()
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_value"] and symbol.name
    )
