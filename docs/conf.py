"""Sphinx: ``pip install sphinx myst-parser furo``, then ``sphinx-build docs docs/_build``."""

project = "Windsock"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
