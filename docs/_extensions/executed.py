"""Runs a script on every build, and shows what it drew and what it printed: `executed`; `drawn` shows what is stored.

The picture is part of the page, so that its text has the colour of the reader's theme.  A script that fails, fails the
build.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
INK = "#808081"
"""The colour that scripts draw text and axes in, as of `docs/examples/plotting.py`."""


def inlined(drawn: str, alt: str) -> nodes.raw:
    """Return a picture as part of the page."""
    label = alt.replace("&", "&amp;").replace('"', "&quot;")
    drawn = drawn[drawn.index("<svg") :].replace(INK, "currentColor")
    html = f'<figure class="executed" role="img" aria-label="{label}">{drawn}</figure>'
    return nodes.raw("", html, format="html")


class Drawn(SphinxDirective):
    """`drawn`: an SVG file that a longer run wrote, with the option `alt`, what it shows."""

    required_arguments = 1
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        _, name = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(name)
        return [inlined(Path(name).read_text(encoding="utf-8"), self.options["alt"])]


class Executed(SphinxDirective):
    """`executed`: a script that takes `--output FILE.svg`, and what is written after its name.

    The option `alt` is what its picture shows.
    """

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the picture, and what was printed."""
        _, name = self.env.relfn2path(self.arguments[0])
        options = "".join(self.arguments[1:]).split()
        self.env.note_dependency(name)
        self.env.note_reread()  # it is the library that is shown, and that may have changed
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "plot.svg"
            done = subprocess.run(  # noqa: S603  # a script of ours
                [sys.executable, name, *options, "--output", str(picture)],
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                msg = f"{self.arguments[0]} failed:\n{done.stderr[-4000:]}"
                raise self.error(msg)
            drawn = picture.read_text(encoding="utf-8")
            printed = "\n".join(line for line in done.stdout.rstrip().splitlines() if folder not in line)
        return [inlined(drawn, self.options["alt"]), nodes.literal_block("", printed)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("drawn", Drawn)
    app.add_directive("executed", Executed)
    return {"parallel_read_safe": True}
