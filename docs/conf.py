"""Sphinx: `sphinx-build -W --keep-going -n -b html docs docs/_build/html`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

import xent_arrayapi  # noqa: E402  # from this checkout

project = "xent_arrayapi"
author = "The xent_arrayapi developers"
copyright = f"2026, {author}"  # noqa: A001  # Sphinx calls it so
version = release = xent_arrayapi.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "myst_parser",
    "numpydoc",
    "mathml",
    "complete",
    "executed",
    "verified",
]
exclude_patterns = ["_build", "speed/*"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["math.css", "executed.css"]
html_math_renderer = "mathml"

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings give shapes, dtypes and units
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "all",
    *("ES01", "EX01", "SA01", "SA04"),  # no section where there is nothing to say
    *("PR08", "SA03"),  # a description may start with a symbol, or go on from a name
    *("PR06", "RT03"),  # types of the field: array, real floating
    "GL08",  # attributes are described by their class
}

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(jax|optax|scipy|sklearn|torch)\..*")]  # named in See Also, documented elsewhere
