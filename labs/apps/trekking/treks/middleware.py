"""A page for the time when the database is not there, or not filled."""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class DatabaseMiddleware:
    """Turns errors of the database into a page that says what is missing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as ever."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 (try again later) where the database is the cause."""
        if not isinstance(error, DatabaseError):
            return None
        context = {"trouble": trouble(), "detail": str(error).strip()}
        return render(request, "treks/unready.html", context, status=503)


def trouble() -> str:
    """What is wrong with the database, in a sentence; empty when nothing is."""
    host = connection.settings_dict.get("HOST") or "this container"
    try:
        tables = connection.introspection.table_names()
    except DatabaseError:
        connection.close()
        return f"The database on {host} does not let this app in, or is not there (yet)."
    if "treks_trek" not in tables:
        return "The database is there, but it has no tables (yet): `python manage.py prepare` makes and fills them."
    return ""
