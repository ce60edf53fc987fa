"""What every page can say about the app itself."""

import socket

from django.conf import settings
from django.http import HttpRequest


def about(request: HttpRequest) -> dict[str, str]:
    """The version, and the container that made the page: its host name is the container's id."""
    return {"version": settings.VERSION, "container": socket.gethostname()}
