"""`/containers/{id}/archive`, `/changes` and `/export`: a container's files (MB: daemon/archive.go)."""

import base64
import errno
import posixpath
import tarfile
from http import HTTPStatus
from typing import Any

import msgspec

from swarmlab.api.call import DONE, Answer, Call, Route, document
from swarmlab.api.encode import instant
from swarmlab.api.errors import ApiError, bad_request, internal, not_found
from swarmlab.images import LayerError
from swarmlab.images.layer import reason_of
from swarmlab.images.overlay2 import ROOT, layer_name
from swarmlab.runtime.base import Container, PathStat

_HEADER = "X-Docker-Container-Path-Stat"
#: Go's bits for what is no file.
_GO_MODES = {"file": 0, "directory": 1 << 31, "link": 1 << 27, "socket": 1 << 24}


def stat(call: Call) -> Answer:
    """`HEAD /containers/{id}/archive`."""
    path = _path(call)
    with call.engine.by_hand.opened(call.name) as inside:
        return Answer(headers={_HEADER: _encoded(_stat(call, inside, path))})


def fetch(call: Call) -> Answer:
    """`GET /containers/{id}/archive`: what is at a path, as a tar archive."""
    path = _path(call)
    with call.engine.by_hand.opened(call.name) as inside:
        found = _stat(call, inside, path)
        body = inside.pack(path)
    call.engine.containers.publish("archive-path", call.engine.containers.find(call.name).id)
    return Answer(HTTPStatus.OK, body, "application/x-tar", {_HEADER: _encoded(found)})


async def put(call: Call) -> Answer:
    """`PUT /containers/{id}/archive`: extract a tar archive into a directory."""
    path = _path(call)
    try:
        # A container that is not there is told before anything is read.
        with call.engine.by_hand.opened(call.name) as inside, await call.upload() as archive:
            inside.unpack(path, archive, replace=not call.flag("noOverwriteDirNonDir"))
    except FileNotFoundError:
        raise _no_file(call, path) from None
    except PermissionError as error:
        raise internal(str(error)) from None
    except NotADirectoryError as error:
        raise bad_request(str(error)) from None
    except FileExistsError as error:
        raise bad_request(str(error)) from None
    except tarfile.TarError as error:
        raise internal(str(LayerError(reason_of(error)))) from None
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise internal(str(LayerError(f"unlinkat {error.filename}: device or resource busy"))) from None
    call.engine.containers.publish("extract-to-dir", call.engine.containers.find(call.name).id)
    return DONE


def changes(call: Call) -> Answer:
    """`GET /containers/{id}/changes`."""
    found = [{"Path": change.path, "Kind": change.kind} for change in call.engine.by_hand.inside(call.name).changes()]
    return document(found or None)


def export(call: Call) -> Answer:
    """`GET /containers/{id}/export`: all its files."""
    body = call.engine.by_hand.inside(call.name).rootfs()
    call.engine.containers.publish("export", call.engine.containers.find(call.name).id)
    return Answer(HTTPStatus.OK, body, "application/octet-stream")


def _path(call: Call) -> str:
    path = call.param("path")
    if not path:
        raise bad_request("bad parameter: pathcannot be empty")
    return path


def _stat(call: Call, inside: Container, path: str) -> PathStat:
    try:
        return inside.stat(path)
    except FileNotFoundError:
        raise _no_file(call, path) from None
    except NotADirectoryError:
        container = call.engine.containers.find(call.name)
        merged = f"{ROOT}/{layer_name(container.id)}/merged"
        raise internal(f"lstat {posixpath.join(merged, path.lstrip('/'))}: not a directory") from None


def _no_file(call: Call, path: str) -> ApiError:
    return not_found(f"Could not find the file {path} in container {call.name}")


def _encoded(found: PathStat) -> str:
    value: dict[str, Any] = {
        "name": found.name,
        "size": found.size,
        "mode": found.mode | _GO_MODES[found.kind],
        "mtime": instant(found.modified),
        "linkTarget": found.target,
    }
    return base64.b64encode(msgspec.json.encode(value)).decode()


ROUTES = (
    Route("HEAD", "/containers/{name}/archive", stat),
    Route("GET", "/containers/{name}/archive", fetch),
    Route("PUT", "/containers/{name}/archive", put, upload=True),
    Route("GET", "/containers/{name}/changes", changes),
    Route("GET", "/containers/{name}/export", export),
)
