from .live import Live, frames

ALL = "stream=1&stdin=1&stdout=1&stderr=1"


def test_who_is_attached_before_the_start_hears_everything(live: Live) -> None:
    live.create("sh", "-c", "echo out; echo err >&2; exit 4")

    async def work() -> bytes:
        raw = await live.connect("POST", f"/containers/box/attach?{ALL}")
        assert raw.head.startswith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream")
        await live.engine.by_hand.start("box")
        body = await raw.rest()
        await raw.close()
        return body

    assert frames(live.client.run(work())) == [(1, b"out\n"), (2, b"err\n")]
    assert live.actions()[:2] == ["create", "attach"]


def test_input_that_is_given_once_ends_with_the_one_who_gives_it(live: Live) -> None:
    live.create("cat", OpenStdin=True, StdinOnce=True)

    async def work() -> bytes:
        raw = await live.connect("POST", f"/containers/box/attach?{ALL}")
        await live.engine.by_hand.start("box")
        raw.writer.write(b"hello\n")
        raw.writer.write_eof()
        body = await raw.rest()
        await raw.close()
        return body

    assert frames(live.client.run(work())) == [(1, b"hello\n")]


def test_a_terminal_may_be_left_and_come_back_to(live: Live) -> None:
    live.create("sh", OpenStdin=True, StdinOnce=True, Tty=True)

    async def work() -> bytes:
        raw = await live.connect("POST", f"/containers/box/attach?{ALL}")
        assert "application/vnd.docker.raw-stream" in raw.head
        await live.engine.by_hand.start("box")
        await raw.until(b"# ")
        raw.writer.write(b"x=kept\r")
        await raw.until(b"# ")
        raw.writer.write(b"\x10\x11")
        await raw.rest()
        await raw.close()
        await live.until("detach")
        again = await live.connect("POST", f"/containers/box/attach?{ALL}&logs=1")
        await again.until(b"x=kept")
        again.writer.write(b"echo $x; exit 3\r")
        body = await again.rest()
        await again.close()
        return body

    assert live.client.run(work()).endswith(b"echo $x; exit 3\r\nkept\r\n")
    live.pass_until("die", 0)
    assert live.inspect()["State"]["ExitCode"] == 3


def test_one_stream_may_be_enough_and_logs_alone_end(live: Live) -> None:
    live.run("sh", "-c", "echo out; echo err >&2")
    live.pass_until("die", 0)

    async def work() -> bytes:
        raw = await live.connect("POST", "/containers/box/attach?logs=1&stderr=1")
        body = await raw.rest()
        await raw.close()
        return body

    assert frames(live.client.run(work())) == [(2, b"err\n")]


def test_a_client_that_goes_holds_nobody_up(live: Live) -> None:
    live.create("sh", "-c", "for i in $(seq 1 2000); do echo $i; done")

    async def work() -> None:
        raw = await live.connect("POST", f"/containers/box/attach?{ALL}")
        await raw.close()
        await live.engine.by_hand.start("box")
        await live.until("die")

    live.client.run(work())
    assert live.inspect()["State"]["ExitCode"] == 0


def test_what_is_not_there_is_not_attached_to(live: Live) -> None:
    assert live.client("POST", f"/containers/nosuch/attach?{ALL}").status == 404
    live.create("true")
    assert live.client("POST", f"/containers/box/attach?{ALL}&detachKeys=nokey").status == 400


def test_resizing(live: Live) -> None:
    live.run("sleep", "1000", Tty=True)
    assert live.client("POST", "/containers/box/resize?h=24&w=80").status == 200
    assert live.events.past()[-1].attributes["height"] == "24"
    live.create("true", name="idle")
    assert live.client("POST", "/containers/idle/resize?h=24&w=80").status == 409
