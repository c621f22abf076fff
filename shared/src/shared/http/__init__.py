"""The HTTP chassis: what every route of every service stands on."""

from shared.http.app import create_app, openapi_document
from shared.http.callers import Caller, CallerDep, requires
from shared.http.etags import IfMatch
from shared.http.pagination import Page, PageQuery
from shared.http.problems import problems
from shared.http.routing import APIRouter, Route
from shared.http.state import AppState, state_of
from shared.http.unit import OneWrite, Reads, Uow

__all__ = [
    "APIRouter",
    "AppState",
    "Caller",
    "CallerDep",
    "IfMatch",
    "OneWrite",
    "Page",
    "PageQuery",
    "Reads",
    "Route",
    "Uow",
    "create_app",
    "openapi_document",
    "problems",
    "requires",
    "state_of",
]
