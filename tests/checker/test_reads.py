"""Telling commands apart by the calls they make."""

import json
from pathlib import Path
from urllib.parse import urlencode

from checker_story import CLI, SDK, Story

from checker.reads import Read, recognise
from swarmlab.journal import JournalReader
from swarmlab.journal.reader import RequestRecord

NODE = "a" * 25


def row(
    method: str, path: str, query: str = "", *, after: int = 1, at: float = 0, times: int = 1, client: str = CLI,
    status: int = 200,
) -> RequestRecord:  # fmt: skip
    instant = int(at * 1_000_000_000)
    return RequestRecord(after, instant, instant, times, "node-1", method, path, query, status, client)


def tasks(**filters: str) -> str:
    return urlencode({"filters": json.dumps({name: {value: True} for name, value in filters.items()})})


def commands(*rows: RequestRecord) -> dict[str, int]:
    """How often each command was asked."""
    counts: dict[str, int] = {}
    for read in recognise(rows):
        counts[read.command] = counts.get(read.command, 0) + read.times
    return counts


def test_info_alone_is_docker_info() -> None:
    assert commands(row("GET", "/info")) == {"info": 1}


def test_info_belongs_to_node_ls() -> None:
    assert commands(row("GET", "/nodes"), row("GET", "/info", at=0.1)) == {"node ls": 1}


def test_counted_calls_are_shared_out() -> None:
    # docker node ls twice and docker info once, with nothing happening in between: two rows are all there is.
    assert commands(row("GET", "/nodes", times=2), row("GET", "/info", at=0.1, times=3)) == {"node ls": 2, "info": 1}


def test_progress_bars_are_no_questions() -> None:
    progress = tasks(**{"_up-to-date": "true", "service": "x"})
    rows = [row("GET", "/tasks", progress, times=25), row("GET", "/nodes", times=25)]

    assert commands(*rows) == {}
    assert commands(*rows, row("GET", "/info", at=0.1)) == {"info": 1}


def test_node_ls_after_progress_bars() -> None:
    progress = tasks(**{"_up-to-date": "true", "service": "x"})

    assert commands(
        row("GET", "/tasks", progress, times=25), row("GET", "/nodes", times=26), row("GET", "/info", at=1)
    ) == {"node ls": 1}


def test_a_commit_in_the_middle_of_a_command() -> None:
    assert commands(row("GET", "/nodes", after=1, at=1), row("GET", "/info", after=2, at=1.1)) == {"node ls": 1}


def test_calls_far_apart_are_two_commands() -> None:
    assert commands(row("GET", "/nodes", after=1, at=1), row("GET", "/info", after=2, at=60)) == {"info": 1}


def test_an_update_reads_the_node_first() -> None:
    rows = [row("GET", "/nodes/node-1", after=1), row("POST", f"/nodes/{NODE}/update", "version=3", after=2, at=0.1)]

    assert commands(*rows) == {}
    assert commands(*rows, row("GET", "/nodes/node-1", after=2, at=1)) == {"node inspect": 1}


def test_a_refused_update_reads_the_node_too() -> None:
    assert commands(row("GET", "/nodes/node-1"), row("POST", f"/nodes/{NODE}/update", at=0.1, status=400)) == {}


def test_inspecting_oneself_asks_for_info_first() -> None:
    assert commands(row("GET", "/info"), row("GET", f"/nodes/{NODE}", at=0.1)) == {"node inspect": 1}


def test_service_ps_names_the_node() -> None:
    reads = recognise([row("GET", "/tasks", tasks(service="web")), row("GET", f"/nodes/{NODE}", at=0.1)])

    assert [(read.command, read.subjects) for read in reads] == [("service ps", frozenset({"web"}))]


def test_node_ps_is_another_command() -> None:
    rows = [row("GET", "/info"), row("GET", f"/nodes/{NODE}", at=0.1), row("GET", "/tasks", tasks(node=NODE), at=0.2)]

    assert commands(*rows) == {}


def test_join_token_is_another_command() -> None:
    swarm = row("GET", "/swarm", times=2)

    calls = commands(swarm, row("GET", "/info", at=0.1), row("GET", f"/nodes/{NODE}", at=0.2))
    assert calls == {"swarm join-token": 1}
    assert commands(row("GET", "/swarm"), row("GET", "/info", at=0.1)) == {"info": 1}


def test_service_ls_and_what_only_looks_like_it() -> None:
    assert commands(row("GET", "/services", "status=true")) == {"service ls": 1}
    assert commands(row("GET", "/services", tasks(name="web") + "&status=true")) == {"service ls": 1}
    assert commands(row("GET", "/services", tasks(name="web"))) == {}
    assert commands(row("GET", "/services", client=SDK)) == {"service ls": 1}


def test_every_call_of_the_sdk_is_a_question() -> None:
    rows = [row("GET", "/nodes", client=SDK), row("GET", "/info", client=SDK)]

    assert commands(*rows) == {"node ls": 1, "info": 1}


def test_refused_calls_and_the_lab_itself_do_not_count() -> None:
    assert commands(row("GET", "/info", status=500), row("GET", "/info", client="swarmlab/0.1")) == {}


def test_connections_to_published_ports() -> None:
    (read,) = recognise([row("CONNECT", "/published/80", client="routing-mesh")])

    assert (read.command, read.subjects) == ("connect", frozenset({"80"}))


def test_filters_that_are_no_json_are_ignored() -> None:
    assert commands(row("GET", "/services", "filters=%7B"), row("GET", "/tasks", "filters=[1]")) == {"service ls": 1}


def test_a_session_as_the_journal_has_it(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create()
        story.node_ls()
        story.service_ps()
    with JournalReader(story.path) as reader:
        reads: list[Read] = recognise(reader.requests())

    assert sorted((read.command, read.times) for read in reads) == [("node ls", 1), ("service ps", 1)]


def test_node_ls_without_a_quorum_is_refused() -> None:
    (lost,) = recognise([row("GET", "/nodes", status=500), row("GET", "/nodes", status=500, client="swarmlab-checker")])

    assert (lost.command, lost.times, lost.refused) == ("node ls", 1, True)
