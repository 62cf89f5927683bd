"""How Sphinx makes the site of the pages that are read on GitHub as well: ``tox -e docs``.

The source is the whole repository, so that a link from page to page, or to an example, is the same in both.
"""

project = "pytest-speedacc"
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "examples/README.md",
    "examples/*/README.md",
]
exclude_patterns = [".*", "**/.*", "**/__pycache__"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]

# Anchors as GitHub makes them of headings.
myst_heading_anchors = 4

# The docstring says what an argument is, and the annotation of what type.
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
default_role = "code"
# Nothing is fetched, so what other packages have cannot be found. What is ours must be.
nitpick_ignore_regex = [
    ("py:.*", r"(?!pytest_speedacc\.).*"),
    ("py:class", r"pytest_speedacc\.(fixture\.(T|Options)|judge\.verdict\.Said)"),
]

html_theme = "furo"
html_title = "pytest-speedacc"
html_copy_source = False
html_show_copyright = False
# The top of the site leads to docs/index.html.
html_extra_path = ["front"]
