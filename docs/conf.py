"""How the site is built: `make docs`. Nothing is fetched; a broken link or reference ends the build."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from app.api.application import ROUTES  # noqa: E402 -- after the path
from app.api.documented import describe  # noqa: E402
from docs.reference import links, root_pages  # noqa: E402
from docs.reference.pages import write_pages  # noqa: E402

project = "Studyhall"
copyright = "the Studyhall authors, Apache-2.0"
version = release = version_of("studyhall")

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
exclude_patterns = ["reference/*.py"]
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # JSON blocks use … for anything

html_theme = "furo"
html_title = f"Studyhall {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False


def check_links(app: Sphinx, exception: Exception | None) -> None:
    """Ends the build when a page of the site leads nowhere, or fetches something from elsewhere."""
    if exception is None and (faults := sorted(links.faults_of(Path(app.outdir)))):
        raise ExtensionError("\n".join(faults))


def setup(app: Sphinx) -> None:
    """Called by Sphinx before anything is read."""
    write_pages(describe(ROUTES, version=version), HERE / "rest")
    app.connect("source-read", root_pages.put_in)
    app.connect("build-finished", check_links)
