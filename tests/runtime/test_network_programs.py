import asyncio
from pathlib import Path

from swarmlab.clock import VirtualClock
from swarmlab.network import Member, Place
from swarmlab.runtime.base import File

from .support import Lab, advance, lab, run

SERVER = "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n"


async def neighbours(here: Lab) -> None:
    """Two containers on one network: box and web."""
    for number, name in ((2, "box"), (3, "web")):
        container = await here.start("alpine", "sleep", "1000", id=f"{number:064x}", name=name)
        at = Place("n", "net", (f"10.0.0.{number}/24",), "10.0.0.1", names=(name,), link=10, peer=11)
        here.runtime._fabric.join(Member(container.config.id, "node-1", name, (at,)))


def test_names_addresses_and_interfaces_as_busybox_shows_them(tmp_path: Path) -> None:
    expected = {
        ("nslookup", "web"): (0, f"{SERVER}Non-authoritative answer:\nName:\tweb\nAddress: 10.0.0.3\n\n"
                                 "Non-authoritative answer:\n\n"),
        ("nslookup", "10.0.0.3"): (0, f"{SERVER}Non-authoritative answer:\n3.0.0.10.in-addr.arpa\tname = web.net\n\n"),
        ("nslookup", "-type=A", "web."): (0, f"{SERVER}Non-authoritative answer:\nName:\tweb\nAddress: 10.0.0.3\n\n"),
        ("nslookup", "-type=A", "web"): (0, f"{SERVER}Non-authoritative answer:\nName:\tweb\nAddress: 10.0.0.3\n\n"),
        ("nslookup", "-q=mx", "web"): (0, f"{SERVER}Non-authoritative answer:\n\n"),
        ("nslookup", "-type=a", "no"): (1, SERVER + "** server can't find no: NXDOMAIN\n\n"),
        ("nslookup", "-type=x", "web"): (1, 'nslookup: invalid query type "x"\n'),
        ("nslookup", "no"): (1, SERVER + 2 * "** server can't find no: NXDOMAIN\n\n"),
        ("nslookup", "web", "8.8.8.8"): (1, ";; connection timed out; no servers could be reached\n\n"),
        ("getent", "hosts", "web"): (0, "10.0.0.3        web\n"),
        ("getent", "hosts", "no"): (2, ""),
        ("getent", "group", "root", "nogroup"): (0, "root:x:0:root\nnogroup:x:65533:\n"),
        ("getent", "passwd", "0"): (0, "root:x:0:0:root:/root:/bin/sh\n"),
        ("getent", "passwd", "nobody", "nobodyelse"): (2, "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"),
        ("ip", "-4", "addr", "show", "dev", "eth0"): (
            0, "10: eth0@if11: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue \n"
               "    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\n"
               "       valid_lft forever preferred_lft forever\n"),
        ("ip", "-o", "-4", "addr", "show", "eth0"): (
            0, "10: eth0    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\\"
            "       valid_lft forever preferred_lft forever\n",
        ),
        ("ip", "-o", "link", "show", "lo"): (
            0, "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\\"
            "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n",
        ),
        ("ip", "route"): (0, "default via 10.0.0.1 dev eth0 \n10.0.0.0/24 dev eth0 scope link  src 10.0.0.2 \n"),
        ("ip", "addr", "show", "eth9"): (1, "ip: can't find device 'eth9'\n"),
        ("nc", "web", "80"): (1, "nc: can't connect to remote host (10.0.0.3): Connection refused\n"),
        ("nc", "-zv", "web", "80"): (1, "nc: web (10.0.0.3:80): Connection refused\n"),
        ("nc", "no", "80"): (1, "nc: bad address 'no'\n"),
    }  # fmt: skip

    async def test() -> None:
        async with lab(tmp_path) as here:
            await neighbours(here)
            box = next(each for each in here.runtime._containers if each.config.name == "box")
            for command, (code, text) in expected.items():
                assert await run(box, *command) == (code, text.encode()), command

    asyncio.run(test())


def test_nc_talks_to_one_that_listens(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            await neighbours(here)
            box, web = (
                next(each for each in here.runtime._containers if each.config.name == name) for name in ("box", "web")
            )
            listening = asyncio.ensure_future(run(web, "nc", "-l", "-p", "99", stdin=[b"welcome\n"]))
            while 99 not in web.ports():  # noqa: ASYNC110  (a port that opens is no event)
                await asyncio.sleep(0)
            assert await run(box, "nc", "web", "99", stdin=[b"hello\n"]) == (0, b"welcome\n")
            assert await listening == (0, b"hello\n")
            assert 99 not in web.ports()

    asyncio.run(test())


def test_who_does_not_answer_is_lost_after_a_while(tmp_path: Path) -> None:
    async def test() -> None:
        clock = VirtualClock()
        async with lab(tmp_path, clock) as here:
            await neighbours(here)
            box = next(each for each in here.runtime._containers if each.config.name == "box")
            ping = asyncio.ensure_future(run(box, "ping", "-c", "1", "-W", "2", "10.0.0.77"))
            await advance(clock, 2.1)
            assert await ping == (
                1,
                b"PING 10.0.0.77 (10.0.0.77): 56 data bytes\n\n--- 10.0.0.77 ping statistics ---\n"
                b"1 packets transmitted, 0 packets received, 100% packet loss\n",
            )
            get = asyncio.ensure_future(run(box, "wget", "-qO-", "http://10.0.0.77/"))
            await advance(clock, 2.9)
            assert not get.done()
            await advance(clock, 0.2)
            assert await get == (1, b"wget: can't connect to remote host (10.0.0.77): No route to host\n")

    asyncio.run(test())


def test_a_host_s_domain_is_what_the_hosts_file_says(tmp_path: Path) -> None:
    """As BusyBox asks the C library for its canonical name."""

    async def test() -> None:
        async with lab(tmp_path, VirtualClock()) as here:
            hosts = File("/etc/hosts", b"127.0.0.1 localhost\n10.0.0.2 box.ex.com box # here\n")
            named = await here.start("alpine", "sleep", "1000", hostname="box", files=(hosts,))
            assert await run(named, "sh", "-c", "hostname; hostname -f; hostname -d; hostname -s") == (
                0,
                b"box\nbox.ex.com\nex.com\nbox\n",
            )
            plain = await here.start("alpine", "sleep", "1000", hostname="other")
            assert await run(plain, "hostname", "-f") == (0, b"other\n")

    asyncio.run(test())
