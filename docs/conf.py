"""Settings of the documentation site: `make site` writes it to build/site."""

import pbias

project = "pbias"
author = "The pbias developers"
copyright = "The pbias developers"
release = pbias.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
html_theme = "furo"
html_title = f"pbias {release}"
