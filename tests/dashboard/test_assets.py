"""What the server is given to serve."""

import re

from app.dashboard.assets import STATIC, Asset, load_assets

ASSETS = load_assets()
HEAVIEST = 400_000


def text_of(asset: Asset) -> str:
    return asset.body.decode()


def test_the_page_is_always_revalidated_and_everything_else_may_be_kept_for_ever() -> None:
    kept = {path: asset.headers["Cache-Control"] for path, asset in ASSETS.items()}

    assert kept.pop("/") == "no-cache"
    assert set(kept.values()) == {"public, max-age=31536000, immutable"}


def test_the_page_asks_for_files_that_exist() -> None:
    wanted = re.findall(r'(?:href|src)="(dashboard/[^"]+)"', text_of(ASSETS["/"]))

    assert len(wanted) >= 5
    assert {f"/{path}" for path in wanted} <= ASSETS.keys()


def test_every_import_names_a_file_that_exists() -> None:
    modules = {path: path.read_text() for path in STATIC.rglob("*.js")}
    imported = [
        (path, name) for path, text in modules.items() for name in re.findall(r'(?:from|import\()\s*"(\.[^"]+)"', text)
    ]

    missing = [(path.name, name) for path, name in imported if not (path.parent / name).resolve().is_file()]

    assert len(imported) > 100
    assert missing == []


def test_another_release_has_another_folder(tmp_path) -> None:
    for name, text in {"index.html": "<link href=ASSETS/a.css>", "a.css": "a{}"}.items():
        (tmp_path / name).write_text(text)
    before = load_assets(tmp_path)
    (tmp_path / "a.css").write_text("b{}")

    after = load_assets(tmp_path)

    assert before.keys() != after.keys()
    assert before["/"].etag != after["/"].etag


def test_every_file_forbids_scripts_and_styles_that_are_not_ours() -> None:
    for asset in ASSETS.values():
        policy = asset.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert asset.headers["X-Content-Type-Options"] == "nosniff"


def test_no_file_knows_another_machine() -> None:
    """Names of XML vocabularies look like addresses; nobody fetches them."""
    found = {url for asset in ASSETS.values() for url in re.findall(r"https?://[\w./-]+", text_of(asset))}

    assert found == {"http://www.w3.org/2000/svg"}


def test_no_module_makes_markup_from_text() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser")

    assert [path.name for path in STATIC.rglob("*.js") if sinks.search(path.read_text())] == []


def test_no_text_goes_over_several_lines_of_a_module() -> None:
    """Indentation is left out of what is served; inside of such a text it would mean something."""
    for path in STATIC.rglob("*.js"):
        code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith(("*", "/"))]
        assert [line for line in code if line.count("`") % 2] == [], path.name


def test_only_one_module_fetches() -> None:
    fetches = re.compile(r"\bfetch\(|XMLHttpRequest|EventSource|WebSocket|sendBeacon")

    assert [path.name for path in STATIC.rglob("*.js") if fetches.search(path.read_text())] == ["api.js"]


def test_everything_together_is_light() -> None:
    assert sum(len(asset.body) for asset in ASSETS.values()) < HEAVIEST
