"""Bodies must say that they are JSON: a page in a browser cannot make them say so (MB: daemon/server/httputils)."""

import re

from swarmlab.api.errors import bad_request

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf"\s*;\s*{_WORD}\s*=\s*(?:{_WORD}|\"(?:[^\"\\]|\\.)*\")"
#: Go lets a semicolon stand at the end, and text that is no parameter nowhere.
_JSON = re.compile(rf"\s*application/json(?:{_PARAMETER})*\s*;?\s*", re.IGNORECASE | re.ASCII)


def check_json(content_type: str) -> None:
    """Raise ApiError (400) for a `Content-Type` other than JSON's."""
    if _JSON.fullmatch(content_type) is None:
        raise bad_request(f"Content-Type specified ({content_type}) must be 'application/json'")
