"""What every route of the page's server shares: how it refuses, and how it reads numbers."""

from __future__ import annotations

import json

from aiohttp import web
from punchin_wire.errors import BadSetting, FileMissing, InternalError, PunchinError


def failed(status: int, code: str, message: str, next_step: str) -> web.Response:
    text = json.dumps({"error": {"code": code, "message": message, "next_step": next_step}})
    return web.Response(status=status, text=text, content_type="application/json")


def refused(error: PunchinError) -> web.Response:
    status = 500 if isinstance(error, InternalError) else 404 if isinstance(error, FileMissing) else 400
    info = error.info()
    return failed(status, info.code, info.message, info.next_step)


def number(request: web.Request, name: str) -> int:
    """A whole number of the query. Raises BadSetting."""
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadSetting(f"{name} must be a whole number.")
    return int(text)
