"""LaTeX as MathML, with the converter of docutils: no script, no font, no network."""

from __future__ import annotations

import re

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml

__all__ = ["MathError", "display", "mathml"]

THIN = '<mspace width="0.17em"></mspace>'
NAMED = r"<mi[^>]*>\w{2,}</mi>\s*<mo>&ApplyFunction;</mo>"  # log, exp, diag, ...
FIXES = (
    (r"<mo([^>]*)>([⟨⟩‖])</mo>", r'<mo\1 stretchy="false">\2</mo>'),  # they grow with their neighbours otherwise
    ('<mtable class="ams-align">', '<mtable class="ams-align" displaystyle="true">'),
    # Thin spaces around the names of functions
    (rf"(</m(?:i|n|sub|sup|subsup|row|frac)>|[)⟩]</mo>)(?=\s*{NAMED})", rf"\1{THIN}"),
    (rf"({NAMED})(?!\s*(?:<mrow>\s*)?<mo[^>]*>\()", rf"\1{THIN}"),
)


def mathml(tex: str, *, block: bool = False) -> str:
    """Return the MathML of a formula, delimiters and spaces as TeX sets them, or raise MathError."""
    if len(re.findall(r"(?<!\\){", tex)) != len(re.findall(r"(?<!\\)}", tex)):
        message = "unbalanced braces"  # which docutils lets pass
        raise MathError(message)
    converted = tex2mathml(re.sub(r"\\dots(?![a-z])", r"\\ldots", tex), as_block=block)  # which docutils lacks
    for pattern, replacement in FIXES:
        converted = re.sub(pattern, replacement, converted)
    return converted


def display(tex: str) -> str:
    """Return the MathML of the formulas of a display, which may stand side by side or below one another."""
    parts = [tex] if r"\begin" in tex else re.split(r"\\qquad|(?<=,)\s*\\quad", tex)
    whole = all(part.count("{") == part.count("}") for part in parts)
    return "".join(mathml(part, block=True) for part in (parts if whole else [tex]))
