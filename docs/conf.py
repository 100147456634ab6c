"""How Sphinx builds these pages: `sphinx-build -W -n docs build/docs`."""

from rlcodec import __version__

project = "rlcodec"
author = "the rlcodec authors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["*.py"]
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]

html_theme = "alabaster"
html_theme_options = {"description": "Learned image compression driven by a policy", "page_width": "1100px"}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

nitpick_ignore_regex = [
    # Of other packages, whose documentation a build without a network cannot read.
    ("py:.*", r"(numpy|np|PIL|Image|torch|gymnasium|gym|stable_baselines3|pandas|pd|os|pathlib|collections|typing)(\..*)?"),
    ("py:class", r"rlcodec\..*\.(T|P|State)"),  # type variables
    ("py:class", r"rlcodec\.core\._(adaptive|mixing)\..*"),  # compiled states of models
]
