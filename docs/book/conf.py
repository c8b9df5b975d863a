"""Sphinx configuration of the book; `make book` assembles its sources under build/ first and runs there."""

import udalib

project = "udalib"
author = "the udalib developers"
copyright = "the udalib developers, Apache-2.0"
version = release = udalib.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["README.md"]
suppress_warnings = ["mystnb.unknown_mime_type"]

nb_execution_mode = "off"  # `python -m udalib.notebooks` has executed them
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "tasklist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "set"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # a dataclass has its fields as members already
autodoc_inherit_docstrings = False

html_theme = "furo"
html_title = "udalib: the workbook"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "tango"
pygments_dark_style = "github-dark"
