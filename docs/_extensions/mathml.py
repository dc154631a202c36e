"""Renders mathematics as MathML, with the converter of docutils: no script, no font, no network.

A formula that it cannot convert is a warning, and so fails the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from verification._mathml import display, mathml

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def converted(convert: Callable[[str], str], tex: str, node: nodes.Element) -> str:
    """Return the MathML of a formula, or warn that there is none."""
    try:
        return convert(tex)
    except MathError as error:
        logger.warning("cannot convert %r: %s", tex, error, location=node)
        return ""


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a sentence."""
    self.body.append(converted(mathml, node.astext(), node))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, or some side by side, with its number and a link to it if it has a label."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(converted(display, node.astext(), node))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True}
