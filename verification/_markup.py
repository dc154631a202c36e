"""Text with LaTeX between dollars and code between backticks, as HTML."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from verification._mathml import MathError, display, mathml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARKED = re.compile(r"(\$[^$]+\$|`[^`]+`|\*\*[^*]+\*\*)")


def text(marked: str) -> str:
    """Return marked-up text as HTML."""
    return "".join(_part(part) for part in MARKED.split(marked))


def _part(part: str) -> str:
    if MARKED.fullmatch(part) is None:
        return escape(part)
    if part[0] == "$":
        return typeset(mathml, part[1:-1])
    return tag("code", escape(part[1:-1])) if part[0] == "`" else tag("strong", escape(part[2:-2]))


def typeset(convert: Callable[[str], str], tex: str) -> str:
    """Return a formula; one that cannot be converted as it was written, which `unconvertible` is asked for."""
    try:
        return convert(tex)
    except MathError:
        return tag("code", escape(tex), class_="failed")


def unconvertible(displays: Iterable[str], marked: Iterable[str]) -> list[str]:
    """Say which formulas cannot be typeset, of displays and of marked-up text."""
    inline = [part[1:-1] for one in marked for part in MARKED.split(one) if part.startswith("$") and len(part) > 1]
    pairs = [*((display, tex) for tex in displays), *((mathml, tex) for tex in inline)]
    return [said for convert, tex in pairs if (said := _error(convert, tex))]


def _error(convert: Callable[[str], str], tex: str) -> str:
    try:
        convert(tex)
    except MathError as error:
        return f"{error} in {tex}"
    return ""


def tag(name: str, *content: str, **attributes: str) -> str:
    """Return an element; `class_` is the attribute `class`."""
    said = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items() if value)
    return f"<{name}{said}>{''.join(content)}</{name}>"


def listed(kind: str, items: Iterable[str], **attributes: str) -> str:
    """Return a list of items, or nothing where there are none."""
    found = [tag("li", item) for item in items]
    return tag(kind, *found, **attributes) if found else ""


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of marked-up text; it scrolls where it is wider than the page."""
    head = tag("tr", *(tag("th", text(cell), scope="col") for cell in header))
    body = [tag("tr", *(tag("td", text(cell), class_=_kind(cell)) for cell in row)) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")


def _kind(cell: str) -> str:
    """Return the class of a cell: numbers stand at the right."""
    return "number" if re.fullmatch(r"[<≤−+\-\d.,e ×%⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|∞|–", cell) else ""
