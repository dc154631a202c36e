"""Renders mathematics as MathML, with the converter of docutils: no script, no font, no network.

A formula that it cannot convert is a warning, and so fails the build.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

THIN = '<mspace width="0.17em"></mspace>'
NAMED = r"<mi[^>]*>\w{2,}</mi>\s*<mo>&ApplyFunction;</mo>"  # log, exp, diag, ...
FIXES = (
    (r"<mo([^>]*)>([⟨⟩‖])</mo>", r'<mo\1 stretchy="false">\2</mo>'),  # they grow with their neighbours otherwise
    ('<mtable class="ams-align">', '<mtable class="ams-align" displaystyle="true">'),
    # Thin spaces around the names of functions
    (rf"(</m(?:i|n|sub|sup|subsup|row|frac)>|[)⟩]</mo>)(?=\s*{NAMED})", rf"\1{THIN}"),
    (rf"({NAMED})(?!\s*(?:<mrow>\s*)?<mo[^>]*>\()", rf"\1{THIN}"),
)


def converted(tex: str, node: nodes.Element, *, block: bool) -> str:
    """Return the MathML of a formula, delimiters and spaces as TeX sets them."""
    try:
        if len(re.findall(r"(?<!\\){", tex)) != len(re.findall(r"(?<!\\)}", tex)):
            raise MathError("unbalanced braces")  # noqa: EM101, TRY003, TRY301  # which docutils lets pass
        mathml = tex2mathml(tex, as_block=block)
    except MathError as error:
        logger.warning("cannot convert %r: %s", tex, error, location=node)
        return ""
    for pattern, replacement in FIXES:
        mathml = re.sub(pattern, replacement, mathml)
    return mathml


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a sentence."""
    self.body.append(converted(node.astext(), node, block=False))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, or some side by side, with its number and a link to it if it has a label."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    tex = node.astext()
    parts = [tex] if r"\begin" in tex else tex.split(r"\qquad")  # which may stand below one another
    self.body.extend(converted(part, node, block=True) for part in parts)
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True}
