"""Contexts that are somewhere else: there is no network to fetch them from (MB: builder/remotecontext)."""

import re

from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.engine.offline import is_url, unreachable

_GIT = re.compile(r"https?://[^#]*\.git(?:#.*)?|(?:git://|github\.com/|git@).*")


def refusal(remote: str) -> EngineError:
    """Why the context cannot be had."""
    if remote == "client-session":
        return bad_request(
            "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead"
        )
    if _GIT.fullmatch(remote):
        address = remote.partition("#")[0].removesuffix("/")
        url = f"https://{address}" if address.startswith("github.com/") else address
        host = re.split(r"[/:]", re.sub(r"^(\w+://)?([^@/]*@)?", "", address))[0]
        if address.startswith("git://"):
            reason = f"unable to look up {host} (port 9418) (Temporary failure in name resolution)"
            return internal(f"error fetching: fatal: {reason}\n: exit status 128")
        return internal(
            f"error fetching: fatal: unable to access '{url}/': Could not resolve host: {host}\n: exit status 128"
        )
    if is_url(remote):
        return internal(f"error downloading remote context {remote}: {unreachable(remote)}")
    return internal(f"remoteURL ({remote}) could not be recognized as URL")
