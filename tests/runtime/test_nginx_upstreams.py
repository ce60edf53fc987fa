import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from swarmlab.images import Catalogue
from swarmlab.network import Fabric, Member, Place
from swarmlab.runtime.base import Container, File
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.roots import Roots
from swarmlab.runtime.virtual.nginx.config import plan

from .support import fetch, lab, output, wait_for_output

NGINX = Catalogue().find("nginx")
FOUND = {("web", 80): [("127.0.0.1", 1)], ("web", 8000): [("127.0.0.1", 2), ("127.0.0.1", 3)], ("db", 80): []}


def rewritten(tmp_path: Path, site: str) -> str:
    """What becomes of a site, in one line, without what is always there."""
    assert NGINX is not None
    file = File("/etc/nginx/conf.d/default.conf", site.encode())
    planned = plan(
        RootFs(NGINX, [file], tmp_path, roots=Roots(tmp_path / "roots"), private=lambda: tmp_path / "private"),
        (),
        [],
        [],
    )

    def servers(host: str, port: int, late: bool) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", 9)] if late else FOUND[host, port]

    return " ".join(planned.render({80: 80}, {80: 81}, servers).split())


@pytest.mark.parametrize(
    ("site", "becomes"),
    [
        ("upstream u { server web; server web:8000 weight=3; }",
         "upstream u { server 127.0.0.1:1; server 127.0.0.1:2 weight=3; server 127.0.0.1:3 weight=3; }"),
        ("upstream u { server web:8000 resolve; }", "server 127.0.0.1:2; server 127.0.0.1:3;"),
        ("upstream u { server unix:/run/x.sock; }", "server unix:root/run/x.sock;"),
        ("server { location / { proxy_pass http://unix:/run/x.sock:/y; } }", "proxy_pass http://unix:root/run/x.sock:/y;"),
        ("server { set $to unix:/run/x.sock; location / { uwsgi_pass $to; } }", "set $to unix:root/run/x.sock;"),
        ("upstream u { server web; } server { location / { proxy_pass http://u/x; } }", "proxy_pass http://u/x;"),
        ("server { location / { proxy_pass http://web; } }", "proxy_pass http://web;"),
        ("server { location / { proxy_pass http://web; } }", "upstream web { server 127.0.0.1:1; }"),
        ("server { location / { proxy_pass http://web:8000; } }",
         'proxy_pass http://web_8000; proxy_set_header Host "web:8000"; proxy_redirect http://web:8000/ /;'),
        ("server { location /a/ { proxy_pass http://web:8000/b/; } }",
         'proxy_pass http://web_8000/b/; proxy_set_header Host "web:8000"; proxy_redirect http://web:8000/b/ /a/;'),
        ("server { proxy_set_header X-Y $host; location / { proxy_pass http://web:8000; } }",
         'proxy_set_header Host "web:8000"; proxy_set_header X-Y "$host"; proxy_redirect'),
        ("server { location / { proxy_redirect off; proxy_set_header Host $host; proxy_pass http://web:8000; } }",
         "proxy_set_header Host $host; proxy_pass http://web_8000; }"),
        ("server { resolver 127.0.0.11; set $to http://web:8000; location / { proxy_pass $to; } }",
         "upstream web_8000 { server 127.0.0.1:9; }"),
        ("server { set $to http://web:8000; location / { proxy_pass $to; } }", "location / { proxy_pass $to; }"),
        ("server { location / { proxy_pass http://$host; } }", "proxy_pass http://$host;"),
    ],
)  # fmt: skip
def test_targets_become_servers_on_this_machine(tmp_path: Path, site: str, becomes: str) -> None:
    assert becomes in rewritten(tmp_path, site)


def site(text: str) -> dict[str, object]:
    return {"files": (File("/etc/nginx/conf.d/default.conf", text.encode()),)}


def on_network(fabric: Fabric, container: Container, number: int, name: str) -> None:
    at = Place("n", "net", (f"10.0.0.{number}/24",), names=(name,))
    fabric.join(Member(container.config.id, "node", name, (at,)))


@pytest.mark.parametrize(
    ("text", "shown", "line"),
    [
        ("server { listen 80;\nlocation / { proxy_pass http://web:8000; } }", "web", 2),
        ("upstream u {\nserver web:8000; }", "web:8000", 2),
    ],
)
def test_a_name_that_is_not_found_ends_nginx(tmp_path: Path, text: str, shown: str, line: int) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            container = await here.start("nginx", **site(text))
            assert await container.wait() == 1
            assert (await output(container)).decode() == (
                f'nginx: [emerg] host not found in upstream "{shown}" in /etc/nginx/conf.d/default.conf:{line}\n'
            )

    asyncio.run(test())


def test_names_are_looked_up_again_at_a_reload(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            fabric = here.runtime._fabric
            web = await here.start("fundamentalsofdocker/whoami")
            other = await here.start("fundamentalsofdocker/whoami")
            front = here.create("nginx", **site("server { listen 80; location / { proxy_pass http://web:8000; } }"))
            on_network(fabric, web, 2, "web")
            on_network(fabric, other, 3, "other")
            on_network(fabric, front, 4, "front")
            await front.start()
            assert (await fetch(front))[1] == b"I'm host1\n"
            on_network(fabric, web, 2, "other")
            on_network(fabric, other, 3, "web")
            assert (await fetch(front))[1] == b"I'm host1\n", "as it was when nginx started"
            fabric.leave(web.config.id)
            front.kill("SIGHUP")
            await wait_for_output(front, b"exited with code 0")
            assert (await fetch(front))[1] == b"I'm host2\n"

    asyncio.run(test())


def test_the_server_header_of_another_server_is_passed_on_when_it_is_to_be(tmp_path: Path) -> None:
    text = """server { listen 80;
        location = /own { proxy_pass http://back/; }
        location = /passed { proxy_pass http://back/; proxy_pass_header Server; } }"""

    async def test() -> None:
        async with lab(tmp_path) as here:
            back = await here.start("nginx:1.12-alpine")
            front = here.create("nginx", **site(text))
            on_network(here.runtime._fabric, back, 2, "back")
            on_network(here.runtime._fabric, front, 3, "front")
            await front.start()
            assert b"Server: nginx/1.29.1" in (await fetch(front, path="/own"))[0].split(b"\r\n")
            assert b"Server: nginx/1.12.2" in (await fetch(front, path="/passed"))[0].split(b"\r\n")

    asyncio.run(test())
