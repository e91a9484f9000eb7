"""What is served besides the API: the dashboard's files, the OpenAPI document, and the schema of study files.

Open to everyone, from memory.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.dashboard.assets import Asset, load_assets
from studyhall.errors import NotFound
from studyhall.study_schema import SCHEMA_PATH, study_schema

_OPENAPI_HEADERS: Final = {"cache-control": "no-cache"}


def page_routes() -> list[BaseRoute]:
    """Routes for the dashboard and the document."""
    assets = load_assets()

    async def page(request: Request) -> Response:
        asset = assets.get(request.url.path)
        if asset is None:
            raise NotFound
        return _answer(request, asset)

    return [
        Route("/", page),
        Route("/dashboard/{rest:path}", page),
        Route("/openapi.json", _openapi),
        Route(SCHEMA_PATH, _study_schema),
    ]


def _answer(request: Request, asset: Asset) -> Response:
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=dict(asset.headers))
    return Response(asset.body, headers=dict(asset.headers), media_type=asset.media_type)


async def _openapi(request: Request) -> Response:
    document: Callable[[], bytes] = request.app.openapi_json
    return Response(document(), headers=_OPENAPI_HEADERS, media_type="application/json")


async def _study_schema(_: Request) -> Response:
    headers = _OPENAPI_HEADERS | {"access-control-allow-origin": "*"}  # editors that live in a browser read it too
    return Response(_study_schema_json(), headers=headers, media_type="application/schema+json")


@cache
def _study_schema_json() -> bytes:
    return to_json(study_schema())
