"""Interactive documentation at /docs without internet: the assets come from the wheel of fastapi-offline."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from shared.errors import NotFound

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
# The only files that are served; a name from the URL never reaches the file system.
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
_BASE = "/docs/assets"


def add_docs(app: FastAPI) -> None:
    """Add /docs and its assets."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title} – reference",
        swagger_js_url=f"{_BASE}/swagger-ui-bundle.js",
        swagger_css_url=f"{_BASE}/swagger-ui.css",
        swagger_favicon_url=f"{_BASE}/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "displayOperationId": True, "tryItOutEnabled": True},
    )

    async def docs(_request: Request) -> Response:
        return HTMLResponse(page.body)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            raise NotFound
        return FileResponse(_ASSETS / name, media_type=_FILES[name], headers={"cache-control": "public, max-age=86400"})

    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_route(f"{_BASE}/{{name}}", asset, methods=["GET"], include_in_schema=False)
