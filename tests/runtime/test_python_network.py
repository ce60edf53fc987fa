import sysconfig
from pathlib import Path

import pytest

from swarmlab.runtime.base import Mount

from .support import CATALOGUE, Lab, fetch, listening, on_network, output, run, wait_for_output, within

SITE = Mount(target="/usr/local/lib/python3/site-packages", source=Path(sysconfig.get_path("purelib")), read_only=True)


def test_programs_reach_one_another_by_name_and_know_who_calls(tmp_path: Path) -> None:
    server = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.client_address[0].encode())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
    client = """
import asyncio, socket, urllib.request
print(urllib.request.urlopen("http://web:8000").read().decode())
print(socket.gethostbyname("web"), socket.gethostbyname("web.net"))
with socket.create_connection(("web", 8000)) as connection:
    print(connection.getpeername())
async def main():
    reader, writer = await asyncio.open_connection("10.0.9.2", 8000)
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print((await reader.read()).splitlines()[-1].decode())
asyncio.run(main())
for port in (8001,):
    try:
        socket.create_connection(("web", port))
    except ConnectionRefusedError as error:
        print(error)
"""

    async def test(made: Lab) -> None:
        web = await made.start("python", "python", "-c", server)
        other = await made.start("python", "python", "-c", "import time; time.sleep(600)")
        on_network(made, web, 2, "web")
        on_network(made, other, 3, "other")
        await listening(web, 8000)
        code, shown = await run(other, "python", "-c", client)
        assert (code, shown.decode().splitlines()) == (
            0,
            ["10.0.9.3", "10.0.9.2 10.0.9.2", "('10.0.9.2', 8000)", "10.0.9.3", "[Errno 111] Connection refused"],
        )
        assert (await fetch(web, 8000))[1] == b"127.0.0.1"

    within(tmp_path, test)


def test_datagrams_do_not_leave_a_container(tmp_path: Path) -> None:
    program = """
import asyncio, socket
def udp():
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.settimeout(5)
    return made
def attempt(do, *arguments):
    try:
        print(do(*arguments))
    except OSError as error:
        print(error)
server, client = udp(), udp()
server.bind(("0.0.0.0", 5399))
client.sendto(b"within", server.getsockname())
print(server.recv(100))
for host in ("192.0.2.1", "web"):
    attempt(client.sendto, b"x", (host, 53))
    attempt(client.sendmsg, [b"x"], [], 0, (host, 53))
    connected = udp()
    connected.connect((host, 53))
    print(connected.getsockname()[0], connected.getpeername())
    connected.send(b"x")
    attempt(connected.recv, 100)
print(udp().connect_ex(("192.0.2.1", 53)))
second = udp()
second.bind(("", 5399))
class Sends(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        transport.sendto(b"x", ("192.0.2.1", 53))
    def error_received(self, error):
        print(error)
async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Sends, family=socket.AF_INET)
asyncio.run(main())
"""
    refused = ["[Errno 101] Network is unreachable"] * 2

    async def test(made: Lab) -> None:
        web = await made.start("python", "python", "-c", "import time; time.sleep(600)")
        other = await made.start("python", "python", "-c", "import time; time.sleep(600)")
        on_network(made, web, 2, "web")
        on_network(made, other, 3, "other")
        code, shown = await run(other, "python", "-c", program)
        assert (code, shown.decode().splitlines()) == (
            0,
            [
                "b'within'",
                *refused, "10.0.9.3 ('192.0.2.1', 53)", "[Errno 111] Connection refused",
                *refused, "10.0.9.3 ('10.0.9.2', 53)", "[Errno 111] Connection refused",
                "0",
                refused[0],
            ],
        )  # fmt: skip

    within(tmp_path, test)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_drivers_connect_by_the_name_of_the_server(tmp_path: Path, driver: str) -> None:
    good = f"import {driver}; c = {driver}.connect('postgresql://postgres:secret@db/postgres'); "
    good += "k = c.cursor(); k.execute('SELECT 6 * 7'); print(k.fetchone()[0], c.info.host)"
    wrong = f"import {driver}; {driver}.connect(host='%s', port=%d, user='postgres', password='%s', dbname='postgres')"

    async def test(made: Lab) -> None:
        image = CATALOGUE.find("postgres")
        assert image is not None
        db = await made.start("postgres", env=(*image.config.env, "POSTGRES_PASSWORD=secret"))
        web = await made.start("python", "python", "-c", "import time; time.sleep(600)", mounts=(SITE,))
        on_network(made, db, 2, "db")
        on_network(made, web, 3, "web")
        await wait_for_output(db, b"init process complete")
        await listening(db, 5432)
        while b"connections" not in (await run(db, "pg_isready"))[1]:
            pass
        assert await run(web, "python", "-c", good) == (0, b"42 db\n")
        for host, port, password, text in (
            (
                "db",
                5432,
                "guessed",
                'server at "db" (10.0.9.2), port 5432 failed: FATAL:  password authentication failed',
            ),
            ("db", 5433, "secret", 'server at "db" (10.0.9.2), port 5433 failed: Connection refused'),
            ("nosuch", 5432, "secret", 'could not translate host name "nosuch" to address: Name or service not known'),
        ):
            code, shown = await run(web, "python", "-c", wrong % (host, port, password))
            assert code == 1
            assert text in shown.decode()
        assert str(tmp_path).encode() not in await output(db)

    within(tmp_path, test)
