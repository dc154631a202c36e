"""Fails the build where the documentation has fallen behind the code.

Every public name, and every public member of a public class, has an entry; the table of modules on the design page
holds each module with the first line of its docstring; CITATION.cff has the version of the package.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging

import xent_arrayapi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]


def public_names() -> Iterator[str]:
    """Yield the qualified public names, those of members included."""
    for name in xent_arrayapi.__all__:
        thing = getattr(xent_arrayapi, name)
        yield f"xent_arrayapi.{name}"
        if inspect.isclass(thing):
            for member, value in inspect.getmembers(thing):
                own = any(member in vars(base) for base in thing.__mro__)  # and not of the metaclass
                public = own and (member == "__call__" or not member.startswith("_"))
                if public and (callable(value) or isinstance(value, property)):
                    yield f"xent_arrayapi.{name}.{member}"


def module_sentences() -> Iterator[tuple[str, str]]:
    """Yield the file name of each module and the first line of its docstring."""
    for path in sorted((ROOT / "xent_arrayapi").glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield path.name, docstring.partition("\n")[0]


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of whatever is missing."""
    entries = env.domains["py"].objects
    for name in public_names():
        if name not in entries:
            logger.warning("%s is public and has no entry on any page", name)
    page = (Path(app.srcdir) / "design.md").read_text(encoding="utf-8")
    for module, sentence in module_sentences():
        if f"| `{module}` | {sentence} |" not in page:
            logger.warning("design.md lacks the row `%s` with the sentence %r", module, sentence)
    cited = re.search(r"^version: *\"?([^\"\n]+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    if cited is None or cited[1] != xent_arrayapi.__version__:
        logger.warning("CITATION.cff is not of version %s", xent_arrayapi.__version__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Check once all pages are read."""
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
