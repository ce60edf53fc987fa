"""The registry: the distribution API as engines and curl use it."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from swarmlab.runtime.base import Container, Mount

from .support import Lab, lab, output

LAYER = b"a layer"
CONFIG = b'{"rootfs":{}}'


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(*layers: bytes) -> bytes:
    described = [{"digest": digest(layer), "size": len(layer)} for layer in layers]
    config = {"digest": digest(CONFIG), "size": len(CONFIG)}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": described}).encode()


class Client:
    """Asks a registry."""

    def __init__(self, container: Container, session: aiohttp.ClientSession) -> None:
        self._base = "http://{}:{}".format(*container.ports()[5000])
        self._session = session

    async def __call__(self, method: str, path: str, data: bytes = b"", **headers: str) -> tuple[int, Any, bytes]:
        url = path if path.startswith("http") else f"{self._base}{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, url, data=data, headers=named) as response:
            return response.status, response.headers, await response.read()

    async def error(self, method: str, path: str, data: bytes = b"") -> tuple[int, str]:
        status, _, body = await self(method, path, data)
        return status, json.loads(body)["errors"][0]["code"]

    async def push(self, name: str, data: bytes) -> None:
        status, headers, _ = await self("POST", f"/v2/{name}/blobs/uploads/")
        assert status == 202
        status, _, _ = await self("PUT", f"{headers['Location']}?digest={digest(data)}", data)
        assert status == 201

    async def push_image(self, name: str, tag: str, *layers: bytes) -> bytes:
        for blob in (CONFIG, *layers):
            await self.push(name, blob)
        body = manifest(*layers)
        status, headers, _ = await self("PUT", f"/v2/{name}/manifests/{tag}", body)
        assert (status, headers["Docker-Content-Digest"]) == (201, digest(body))
        return body


def within(state: Path, test: Any, **changes: Any) -> None:
    async def main() -> None:
        async with lab(state) as made, aiohttp.ClientSession() as session:
            container = await made.start("registry:2", **changes)
            await asyncio.wait_for(test(made, container, Client(container, session)), 60)

    asyncio.run(main())


def test_what_was_pushed_is_there(tmp_path: Path) -> None:
    async def test(made: Lab, container: Container, ask: Client) -> None:
        status, headers, body = await ask("GET", "/v2/")
        assert (status, headers["Docker-Distribution-Api-Version"], body) == (200, "registry/2.0", b"{}")
        assert (await ask("GET", "/v2/_catalog"))[2] == b'{"repositories":[]}\n'
        body = await ask.push_image("team/app", "1.0", LAYER)
        assert json.loads((await ask("GET", "/v2/_catalog"))[2]) == {"repositories": ["team/app"]}
        assert (await ask("GET", "/v2/team/app/tags/list"))[2] == b'{"name":"team/app","tags":["1.0"]}\n'
        for reference in ("1.0", digest(body)):
            status, headers, found = await ask("GET", f"/v2/team/app/manifests/{reference}")
            assert (status, found, headers["Docker-Content-Digest"]) == (200, body, digest(body))
            assert headers["Content-Type"] == "application/vnd.docker.distribution.manifest.v2+json"
        assert (await ask("GET", f"/v2/team/app/blobs/{digest(LAYER)}"))[2] == LAYER
        status, headers, found = await ask("HEAD", f"/v2/team/app/blobs/{digest(LAYER)}")
        assert (status, headers["Content-Length"], found) == (200, str(len(LAYER)), b"")
        status, _, found = await ask("GET", f"/v2/team/app/blobs/{digest(LAYER)}", Range="bytes=2-6")
        assert (status, found) == (206, LAYER[2:])
        said = await output(container)
        assert b'level=info msg="listening on [::]:5000"' in said
        assert b'"PUT /v2/team/app/manifests/1.0 HTTP/1.1" 201' in said

    within(tmp_path, test)


def test_images_are_in_the_volume(tmp_path: Path) -> None:
    (volume := tmp_path / "volume").mkdir()
    mounts = (Mount(target="/var/lib/registry", source=volume),)

    async def test(made: Lab, container: Container, ask: Client) -> None:
        body = await ask.push_image("app", "latest", LAYER)
        tag = volume / "docker/registry/v2/repositories/app/_manifests/tags/latest/current/link"
        assert tag.read_text() == digest(body)
        await container.stop(10)
        again = await made.start("registry:2", mounts=mounts)
        async with aiohttp.ClientSession() as session:
            assert (await Client(again, session)("GET", "/v2/app/manifests/latest"))[2] == body

    within(tmp_path / "lab", test, mounts=mounts)


def test_blobs_come_in_parts_or_from_other_repositories(tmp_path: Path) -> None:
    async def test(made: Lab, container: Container, ask: Client) -> None:
        _, headers, _ = await ask("POST", "/v2/app/blobs/uploads/")
        upload = headers["Location"]
        status, headers, _ = await ask("PATCH", upload, LAYER[:3])
        assert (status, headers["Range"]) == (202, "0-2")
        assert (await ask("PATCH", upload, LAYER, Content_Range="1-9"))[0] == 416
        assert (await ask("GET", upload))[1]["Range"] == "0-2"
        assert (await ask("PUT", f"{upload}?digest={digest(LAYER)}", LAYER[3:]))[0] == 201
        assert (await ask("POST", f"/v2/other/blobs/uploads/?mount={digest(LAYER)}&from=app"))[0] == 201
        assert (await ask("GET", f"/v2/other/blobs/{digest(LAYER)}"))[2] == LAYER
        assert (await ask("POST", f"/v2/app/blobs/uploads/?mount={digest(CONFIG)}&from=other"))[0] == 202

    within(tmp_path, test)


def test_what_is_wrong_is_refused(tmp_path: Path) -> None:
    nothing, wrong = digest(b"nothing"), "sha256:" + "0" * 64

    async def test(made: Lab, container: Container, ask: Client) -> None:
        await ask.push_image("app", "latest", LAYER)
        assert await ask.error("GET", "/v2/nosuch/tags/list") == (404, "NAME_UNKNOWN")
        assert await ask.error("GET", "/v2/app/manifests/nosuch") == (404, "MANIFEST_UNKNOWN")
        assert await ask.error("GET", f"/v2/app/manifests/{nothing}") == (404, "MANIFEST_UNKNOWN")
        assert await ask.error("GET", f"/v2/app/blobs/{nothing}") == (404, "BLOB_UNKNOWN")
        assert await ask.error("PUT", "/v2/app/manifests/1", manifest(b"nothing")) == (400, "MANIFEST_BLOB_UNKNOWN")
        assert await ask.error("PUT", "/v2/app/manifests/1", b"{}") == (400, "MANIFEST_INVALID")
        # A manifest that is right under a digest that is not its own is not kept.
        good = manifest(LAYER) + b"\n"
        assert await ask.error("PUT", f"/v2/app/manifests/{wrong}", good) == (400, "DIGEST_INVALID")
        assert await ask.error("GET", f"/v2/app/manifests/{digest(good)}") == (404, "MANIFEST_UNKNOWN")
        unknown = "/v2/app/blobs/uploads/00000000-0000-0000-0000-000000000000"
        assert await ask.error("PATCH", unknown, LAYER) == (404, "BLOB_UPLOAD_UNKNOWN")
        _, headers, _ = await ask("POST", "/v2/app/blobs/uploads/")
        assert await ask.error("PUT", f"{headers['Location']}?digest={wrong}", LAYER) == (400, "DIGEST_INVALID")
        assert await ask.error("GET", f"/v2/app/blobs/{wrong}") == (404, "BLOB_UNKNOWN")
        assert await ask.error("DELETE", f"/v2/app/manifests/{nothing}") == (405, "UNSUPPORTED")
        assert (await ask("GET", "/v2/../../etc/passwd"))[0] == 404
        status, headers, body = await ask("PUT", "/v2/_catalog")
        assert (status, headers["Allow"], body) == (405, "GET", b"Method not allowed\n")
        missing = json.loads((await ask("PUT", "/v2/new/manifests/1", manifest(b"nothing")))[2])["errors"]
        assert [error["detail"] for error in missing] == [digest(CONFIG), nothing]
        assert await ask.error("GET", "/v2/app/blobs/xx:12") == (400, "DIGEST_INVALID")

    within(tmp_path, test)


def test_images_can_be_deleted_if_that_is_allowed(tmp_path: Path) -> None:
    async def test(made: Lab, container: Container, ask: Client) -> None:
        body = await ask.push_image("app", "latest", LAYER)
        assert (await ask("DELETE", f"/v2/app/manifests/{digest(body)}"))[0] == 202
        assert await ask.error("GET", "/v2/app/manifests/latest") == (404, "MANIFEST_UNKNOWN")
        assert (await ask("GET", "/v2/app/tags/list"))[2] == b'{"name":"app","tags":null}\n'
        assert (await ask("DELETE", f"/v2/app/blobs/{digest(LAYER)}"))[0] == 202
        assert await ask.error("GET", f"/v2/app/blobs/{digest(LAYER)}") == (404, "BLOB_UNKNOWN")

    within(tmp_path, test, env=("REGISTRY_STORAGE_DELETE_ENABLED=true",))


@pytest.mark.parametrize(
    ("query", "found", "link"),
    [("?n=2", ["a", "b"], '</v2/_catalog?last=b&n=2>; rel="next"'), ("?n=2&last=b", ["c"], None)],
)
def test_lists_come_in_pages(tmp_path: Path, query: str, found: list[str], link: str | None) -> None:
    async def test(made: Lab, container: Container, ask: Client) -> None:
        for name in "abc":
            await ask.push_image(name, "latest")
        _, headers, body = await ask("GET", f"/v2/_catalog{query}")
        assert (json.loads(body)["repositories"], headers.get("Link")) == (found, link)

    within(tmp_path, test)


def test_it_knows_its_version_and_no_tls(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as made:
            shown = await made.start("registry:2", "registry", "--version")
            assert await shown.wait() == 0
            assert b"distribution v2.8.3" in await output(shown)
            refuses = await made.start("registry:2", env=("REGISTRY_HTTP_TLS_CERTIFICATE=/x",))
            assert await refuses.wait() == 1
            assert b"plain HTTP only" in await output(refuses)

    asyncio.run(main())
