import io
import json
import re
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import Client, Reply
from .live import Live

FILES = {"a.txt": "a\n", "b.txt": "b\n", "sub/c.txt": "c\n"}


def archive(files: Mapping[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            body = content.encode() if isinstance(content, str) else content
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return data.getvalue()


def send(live: Live, dockerfile: str, query: str = "", files: Mapping[str, str | bytes] = FILES) -> Reply:
    body = archive({**files, "Dockerfile": dockerfile})
    return live.client("POST", f"/build?{query}", body, headers={"Content-Type": "application/x-tar"})


def build(live: Live, dockerfile: str, query: str = "", files: Mapping[str, str | bytes] = FILES) -> list[str]:
    """What a build says, with the numbers of images and containers left out; an error is the last."""
    reply = send(live, dockerfile, query, files)
    assert reply.status == 200, reply.body
    said = []
    for line in reply.body.decode().splitlines():
        message = json.loads(line)
        said.append(message.get("stream") or message.get("error") or "aux\n")
    text = re.sub(r"\b[0-9a-f]{64}\b", "LONG", "".join(said))
    return re.sub(r"\b[0-9a-f]{12}\b", "ID", text).splitlines()


def image(live: Live, name: str = "t:1") -> Any:
    # The last version that tells of the container, too.
    return live.client("GET", f"/v1.44/images/{name}/json").json


def output(live: Live, command: str, name: str = "t:1") -> str:
    """What a command prints in a container of an image."""
    steps = build(live, f"FROM {name}\nRUN {command}\n", "nocache=1")
    begin = steps.index(" ---> Running in ID") + 1
    return "\n".join(steps[begin : steps.index("Removing intermediate container ID")])


def test_a_build_to_the_byte(live: Live) -> None:
    reply = send(live, 'FROM alpine\nRUN echo hi > /x && cat /x && echo oh >&2\nCMD ["cat", "/x"]\n', "t=t:1&t=u")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    made = image(live)
    base, step = image(live, "alpine")["Id"][7:19], made["Parent"][7:19]
    text = reply.body.decode()
    first, second = re.findall(r"Running in ([0-9a-f]{12})", text)
    lines = [
        {"stream": "Step 1/3 : FROM alpine"},
        {"stream": "\n"},
        {"stream": f" ---> {base}\n"},
        {"stream": "Step 2/3 : RUN echo hi > /x && cat /x && echo oh >&2"},
        {"stream": "\n"},
        {"stream": f" ---> Running in {first}\n"},
        {"stream": "hi\n"},
        {"stream": "\x1b[91moh\n\x1b[0m"},
        {"stream": f"Removing intermediate container {first}\n"},
        {"stream": f" ---> {step}\n"},
        {"stream": 'Step 3/3 : CMD ["cat", "/x"]'},
        {"stream": "\n"},
        {"stream": f" ---> Running in {second}\n"},
        {"stream": f"Removing intermediate container {second}\n"},
        {"stream": f" ---> {made['Id'][7:19]}\n"},
        {"aux": {"ID": made["Id"]}},
        {"stream": f"Successfully built {made['Id'][7:19]}\n"},
        {"stream": "Successfully tagged t:1\n"},
        {"stream": "Successfully tagged u:latest\n"},
    ]
    expected = "".join(json.dumps(line, separators=(",", ":")) + "\r\n" for line in lines)
    assert text == re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", expected)
    assert made["RepoTags"] == ["t:1", "u:latest"]


def test_what_the_image_is(live: Live) -> None:
    dockerfile = """ARG V=latest
FROM alpine:$V
MAINTAINER me
ARG FOO=bar
RUN echo $FOO > /x
COPY a.txt b.txt /data/
ENV A=1 B="two words"
WORKDIR /w/d
EXPOSE 80
USER nobody
LABEL x=y
HEALTHCHECK --interval=5s CMD true
STOPSIGNAL SIGQUIT
ENTRYPOINT ["cat"]
CMD ["/x"]
"""
    build(live, dockerfile, "t=t:1")
    made = image(live)
    config = made["Config"]
    assert (made["Author"], config["User"], config["WorkingDir"], config["StopSignal"]) == (
        "me", "nobody", "/w/d", "SIGQUIT"
    )  # fmt: skip
    assert config["Env"][-2:] == ["A=1", "B=two words"]
    assert (config["Cmd"], config["Entrypoint"], config["Image"]) == (["/x"], ["cat"], made["Parent"])
    assert (config["Labels"], config["ExposedPorts"]) == ({"x": "y"}, {"80/tcp": {}})
    assert made["ContainerConfig"]["Cmd"] == ["/bin/sh", "-c", "#(nop) ", 'CMD ["/x"]']
    assert made["ContainerConfig"]["Hostname"] == made["Container"][:12]
    rows = live.client("GET", "/images/t:1/history").json
    said = [(re.sub("[0-9a-f]{64}", "LONG", row["CreatedBy"]), row["Size"]) for row in rows]
    assert said[: said.index(("/bin/sh -c #(nop)  MAINTAINER me", 0)) + 1] == [
        ('/bin/sh -c #(nop)  CMD ["/x"]', 0),
        ('/bin/sh -c #(nop)  ENTRYPOINT ["cat"]', 0),
        ("/bin/sh -c #(nop)  STOPSIGNAL SIGQUIT", 0),
        ('/bin/sh -c #(nop)  HEALTHCHECK &{["CMD-SHELL" "true"] "5s" "0s" "0s" \'\\x00\'}', 0),
        ("/bin/sh -c #(nop)  LABEL x=y", 0),
        ("/bin/sh -c #(nop)  USER nobody", 0),
        ("/bin/sh -c #(nop)  EXPOSE 80", 0),
        ("/bin/sh -c #(nop) WORKDIR /w/d", 0),
        ("/bin/sh -c #(nop)  ENV A=1 B=two words", 0),
        ("/bin/sh -c #(nop) COPY multi:LONG in /data/ ", 4),
        ("|1 FOO=bar /bin/sh -c echo $FOO > /x", 4),
        ("/bin/sh -c #(nop)  ARG FOO=bar", 0),
        ("/bin/sh -c #(nop)  MAINTAINER me", 0),
    ]
    assert all(row["Id"].startswith("sha256:") for row in rows[:13])


def test_the_cache_goes_by_instruction_and_content(live: Live) -> None:
    dockerfile = "FROM alpine\nENV A=1\nCOPY a.txt /\nRUN echo\n"
    build(live, dockerfile)

    def hits(text: str = dockerfile, query: str = "", files: Mapping[str, str | bytes] = FILES) -> int:
        return build(live, text, query, files).count(" ---> Using cache")

    assert hits() == 3
    assert hits(query="nocache=1") == 0
    assert hits(files={**FILES, "a.txt": "other"}) == 1
    assert hits(files={**FILES, "b.txt": "other"}) == 3
    assert hits(dockerfile.replace("echo", "pwd")) == 2
    # Once a step is not found, nothing after it is looked for.
    assert hits("FROM alpine\nENV A=2\nCOPY a.txt /\nRUN echo\n") == 0
    assert hits(query='cachefrom=["alpine"]') == 0
    build(live, dockerfile, "t=t:1")
    assert hits(query='cachefrom=["t:1"]') == 3


def test_arguments_are_part_of_the_cache(live: Live) -> None:
    dockerfile = "FROM alpine\nARG A\nRUN echo [$A]\n"
    assert "[1]" in build(live, dockerfile, 'buildargs={"A":"1"}')
    assert "[2]" in build(live, dockerfile, 'buildargs={"A":"2"}')
    assert "[1]" not in build(live, dockerfile, 'buildargs={"A":"1"}')
    said = build(live, dockerfile, 'buildargs={"A":"1","Z":"2","Y":null}')
    assert "[Warning] One or more build-args [Z Y] were not consumed" in said


def test_stages(live: Live) -> None:
    dockerfile = "FROM alpine AS one\nRUN echo hi > /h\nFROM busybox\nCOPY --from=one /h /h2\nCOPY --from=0 h /h3\n"
    said = build(live, dockerfile, "t=t:1")
    assert said.count("aux") == 2
    assert output(live, "cat /h2 /h3") == "hi\nhi"
    assert build(live, dockerfile, "target=One")[-1] == "Successfully built ID"
    assert "busybox" not in "".join(build(live, dockerfile, "target=one"))
    # A stage can begin where another has ended, and what is copied can come from any image.
    build(live, "FROM alpine AS one\nRUN echo hi > /h\nFROM one\nCOPY --from=nginx /etc/nginx/nginx.conf /n\n", "t=t:1")
    assert output(live, "cat /h; grep -c http /n") != ""


def test_copied_files_and_directories(live: Live) -> None:
    build(
        live,
        "FROM alpine\nWORKDIR /k\nCOPY a.txt ./\nCOPY a.txt b2\nCOPY sub /y\nCOPY *.txt /z/\nCOPY a.txt /tmp\n"
        'COPY --chown=nobody ["b.txt", "/with space/"]\n',
        "t=t:1",
    )
    assert output(live, "find /k /y /z '/with space' /tmp -type f | sort; ls -ld /tmp | cut -c1-10").split("\n") == [
        "/k/a.txt", "/k/b2", "/tmp/a.txt", "/with space/b.txt", "/y/c.txt", "/z/a.txt", "/z/b.txt", "drwxrwxrwt"
    ]  # fmt: skip


def test_add_extracts_archives(live: Live) -> None:
    files = {"x.tar": archive({"in/one": "1"}), "a.txt": "a"}
    build(live, "FROM alpine\nADD x.tar a.txt /t/\nCOPY x.tar /c/\n", "t=t:1", files)
    assert output(live, "find /t /c -type f | sort") == "/c/x.tar\n/t/a.txt\n/t/in/one"


def test_scratch(live: Live) -> None:
    assert build(live, "FROM scratch\nCOPY a.txt /\nLABEL a=b\n", "t=t:1")[1] == " ---> "
    made = image(live)
    assert (len(made["RootFS"]["Layers"]), made["Size"]) == (1, 2)
    assert build(live, "FROM scratch\n")[-1] == "No image was generated. Is your Dockerfile empty?"
    assert 'exec: "/bin/sh": stat /bin/sh: no such file' in build(live, "FROM scratch\nRUN x\n")[-1]


@pytest.mark.parametrize(
    ("dockerfile", "last"),
    [
        ("FROM alpine\nRUN false", "The command '/bin/sh -c false' returned a non-zero code: 1"),
        ('FROM alpine\nRUN ["sh", "-c", "exit 3"]', "The command 'sh -c exit 3' returned a non-zero code: 3"),
        ("FROM alpine\nUSER wombat\nRUN id", "unable to find user wombat: no matching entries in passwd file"),
        (
            "FROM alpine\nCOPY --chown=wombat a.txt /",
            "unable to convert uid/gid chown string to host mapping: can't find uid for user wombat: "
            "no such user: wombat",
        ),
        (
            "FROM alpine\nCOPY --chmod=755 a.txt /",
            "the --chmod option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to "
            "build images with BuildKit enabled",
        ),
        (
            "FROM alpine\nRUN --mount=type=cache,target=/x a",
            "the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to "
            "build images with BuildKit enabled",
        ),
        ("FROM alpine\nCOPY --from=5 a /", "invalid from flag value 5: index out of bounds"),
        ("FROM alpine\nCOPY --from=0 a /", "invalid from flag value 0: refers to current build stage"),
        ("ARG X\nFROM $X", "base name ($X) should not be blank"),
        ("FROM UPPER", "invalid reference format: repository name must be lowercase"),
        ("FROM alpine AS a\nFROM alpine AS a", "a stage name already used"),
        ("FROM alpine\nSTOPSIGNAL BOGUS", "Invalid signal: BOGUS"),
        ("FROM alpine\nEXPOSE 80/foo", "Invalid proto: foo"),
        ("FROM alpine\nWORKDIR /etc/passwd", "Cannot mkdir: /etc/passwd is not a directory"),
        ("FROM alpine\nENV A=${B", "failed to process \"${B\": missing ':' in substitution"),
    ],
)
def test_steps_that_fail(live: Live, dockerfile: str, last: str) -> None:
    assert build(live, dockerfile, "t=t:1")[-1] == last
    assert live.client("GET", "/images/t:1/json").status == 404


def test_the_code_of_a_command_that_fails(live: Live) -> None:
    reply = send(live, "FROM alpine\nRUN exit 7")
    text = "The command '/bin/sh -c exit 7' returned a non-zero code: 7"
    last = json.loads(reply.body.splitlines()[-1])
    assert last == {"errorDetail": {"code": 7, "message": text}, "error": text}


@pytest.mark.parametrize(
    ("dockerfile", "query", "status", "message"),
    [
        ("FROM alpine\nFRM x", "", 400, "dockerfile parse error line 2: unknown instruction: FRM"),
        ("", "", 400, "the Dockerfile (Dockerfile) cannot be empty"),
        ("FROM alpine", "dockerfile=x", 500, "Cannot locate specified Dockerfile: x"),
        ("FROM alpine", "target=x", 400, "failed to reach build target x in Dockerfile"),
        ("FROM alpine", "t=BAD", 500, "invalid reference format: repository name must be lowercase"),
        ("FROM alpine", "remote=foo", 500, "remoteURL (foo) could not be recognized as URL"),
        ("FROM alpine", "squash=1", 400, "squash is only supported with experimental mode"),
        ("FROM alpine", "version=2", 501, "building with BuildKit is not available in swarmlab yet"),
        ("FROM alpine", "shmsize=x", 500, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("FROM alpine", "cachefrom=x", 500, "invalid character 'x' looking for beginning of value"),
        (
            "FROM alpine", "ulimits=x", 400,
            "error reading ulimit settings: invalid character 'x' looking for beginning of value",
        ),
        ("FROM alpine", "version=3", 500, 'invalid version "3"'),
        (
            "FROM alpine", "buildargs=x", 400,
            "error reading build args: invalid character 'x' looking for beginning of value",
        ),
        (
            "FROM alpine", "labels={\"a\":1}", 400,
            "error reading labels: json: cannot unmarshal number into Go value of type string",
        ),
        (
            "FROM alpine", "securityopt=x", 400,
            "The daemon on this platform does not support setting security options on build",
        ),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(live: Live, dockerfile: str, query: str, status: int, message: str) -> None:
    reply = send(live, dockerfile, query)
    assert (reply.status, reply.message) == (status, message)


TRIGGERS = "FROM alpine\nONBUILD RUN echo made\nONBUILD  copy   a.txt /z/\nONBUILD ENV a=b\n"


def test_what_an_image_asks_of_those_that_are_built_on_it_is_done_first(live: Live) -> None:
    """MB: builder/dockerfile/dispatchers.go, `dispatchTriggeredOnBuild`; recorded from engine 20.10."""
    build(live, TRIGGERS, "t=parent")
    parent = image(live, "parent")
    assert parent["Config"]["OnBuild"] == ["RUN echo made", "copy   a.txt /z/", "ENV a=b"]
    said = build(live, "FROM parent\nRUN cat /z/a.txt; echo $a\nFROM parent\n", "t=child")
    assert said == [
        "Step 1/3 : FROM parent",
        "# Executing 3 build triggers",
        " ---> Running in ID",
        "made",
        "Removing intermediate container ID",
        " ---> Running in ID",
        "Removing intermediate container ID",
        " ---> ID",
        "Step 2/3 : RUN cat /z/a.txt; echo $a",
        " ---> Running in ID",
        "a",
        "b",
        "Removing intermediate container ID",
        " ---> ID",
        "aux",
        "Step 3/3 : FROM parent",
        "# Executing 3 build triggers",
        " ---> Using cache",
        " ---> Using cache",
        " ---> Using cache",
        " ---> ID",
        "aux",
        "Successfully built ID",
        "Successfully tagged child:latest",
    ]
    child = image(live, "child")
    assert (child["Config"]["OnBuild"], "a=b" in child["Config"]["Env"]) == (None, True)


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ("RUN exit 3", [" ---> Running in ID", "The command '/bin/sh -c exit 3' returned a non-zero code: 3"]),
        ("FOO x", ["unknown instruction: FOO"]),
        ("EXPOSE x", ["Invalid containerPort: x"]),
    ],
)
def test_a_trigger_that_fails(live: Live, trigger: str, said: list[str]) -> None:
    build(live, f"FROM alpine\nONBUILD {trigger}\n", "t=parent")
    assert build(live, "FROM parent\n") == ["Step 1/1 : FROM parent", "# Executing 1 build trigger", *said]


def test_a_trigger_of_a_commit_is_one(live: Live) -> None:
    live.run("true", name="box")
    live.client("POST", "/commit?container=box&repo=t&tag=1&changes=ONBUILD%20RUN%20echo%20x")
    assert build(live, "FROM t:1\n")[1:4] == ["# Executing 1 build trigger", " ---> Running in ID", "x"]


def test_a_run_without_a_command_is_the_image_s(live: Live) -> None:
    assert build(live, 'FROM alpine\nCMD ["echo", "mine"]\nRUN []\n')[7:9] == [" ---> Running in ID", "mine"]


def test_what_is_no_archive(live: Live) -> None:
    reply = live.client("POST", "/build", b"garbage", headers={"Content-Type": "application/x-tar"})
    assert (reply.status, reply.message) == (500, "unexpected EOF")
    assert not [path for path in live.engine.images.store.layers._folder.iterdir() if path.suffix == ".new"]


def test_quietly(live: Live) -> None:
    reply = send(live, "FROM alpine\nRUN echo", "q=1&t=t:1")
    assert reply.body.decode() == f'{{"stream":"{image(live)["Id"]}\\n"}}\r\n'
    assert build(live, "FROM alpine\nRUN false", "q=1")[0] == "Step 1/2 : FROM alpine"
    assert send(live, "FROM alpine\nFOO", "q=1").status == 400


def test_containers_of_steps_stay_if_wanted(live: Live) -> None:
    def left(query: str, dockerfile: str) -> int:
        build(live, dockerfile, f"nocache=1&{query}")
        rows = live.client("GET", "/containers/json?all=1").json
        for row in rows:
            live.client("DELETE", f"/containers/{row['Id']}?force=1")
        return len(rows)

    good, bad = "FROM alpine\nENV A=1\nRUN echo", "FROM alpine\nRUN false"
    assert (left("", good), left("rm=0", good), left("rm=0&forcerm=1", good)) == (0, 2, 0)
    assert (left("", bad), left("forcerm=1", bad)) == (1, 0)


def test_a_second_build_leaves_the_first_without_a_name(live: Live) -> None:
    def dangling() -> int:
        return len(live.client.filtered("/images/json", dangling=["true"]).json)

    build(live, "FROM alpine\nENV A=1\nRUN echo 1", "t=t:1")
    assert dangling() == 0
    build(live, "FROM alpine\nENV A=1\nRUN echo 2", "t=t:1")
    assert dangling() == 1
    every = live.client("GET", "/images/json?all=1").json
    assert len(every) == len(live.client("GET", "/images/json").json) + 1


def test_an_image_that_is_not_here_is_pulled(live: Live) -> None:
    live.client("DELETE", "/images/busybox")
    reply = send(live, "FROM busybox\nRUN echo", "t=t:1")
    said = [json.loads(line) for line in reply.body.splitlines()]
    assert {"status": "Pulling from library/busybox", "id": "latest"} in said
    assert {"status": "Status: Downloaded newer image for busybox:latest"} in said
    again = [json.loads(line) for line in send(live, "FROM busybox", "pull=1").body.splitlines()]
    assert {"status": "Status: Image is up to date for busybox:latest"} in again
    assert build(live, "FROM nosuch:1")[-1].startswith("pull access denied for nosuch")


def test_what_an_engine_tells_of_a_build(live: Live) -> None:
    build(live, "FROM alpine\nRUN echo", "t=t:1")
    told = [(e.type, e.action) for e in live.events.past() if e.type in {"container", "image"}]
    assert told == [
        ("container", "create"),
        ("container", "attach"),
        ("container", "start"),
        ("container", "die"),
        ("image", "create"),
        ("container", "destroy"),
        ("image", "tag"),
    ]


def test_a_client_that_goes_takes_its_build_along(live: Live) -> None:
    async def work() -> None:
        body = archive({"Dockerfile": "FROM alpine\nRUN sleep 1000"})
        session = await live.client.connect()
        headers = {"Content-Type": "application/x-tar"}
        async with session.post("http://docker/build?t=t:1", data=body, headers=headers) as response:
            await live.until("start")
            response.close()
        await live.until("destroy")

    live.client.run(work())
    assert live.client("GET", "/containers/json?all=1").json == []
    assert live.client("GET", "/images/t:1/json").status == 404


def test_a_build_can_be_cancelled(live: Live) -> None:
    async def work() -> str:
        body = archive({"Dockerfile": "FROM alpine\nRUN sleep 1000"})
        session = await live.client.connect()
        headers = {"Content-Type": "application/x-tar"}
        async with session.post("http://docker/build?buildid=one", data=body, headers=headers) as response:
            await live.until("start")
            async with session.post("http://docker/build/cancel?id=one") as cancelled:
                assert (cancelled.status, await cancelled.read()) == (200, b"")
            return (await response.read()).decode().splitlines()[-1]

    assert json.loads(live.client.run(work()))["error"] == "build cancelled"
    assert live.client("GET", "/containers/json?all=1").json == []
    assert live.client("POST", "/build/cancel?id=two").status == 200
    refused = live.client("POST", "/build/cancel")
    assert (refused.status, refused.message) == (500, "build ID not provided")


def test_there_is_no_other_cache_to_prune(live: Live) -> None:
    assert live.client("POST", "/build/prune").json == {"CachesDeleted": None, "SpaceReclaimed": 0}
    assert [(e.type, e.action) for e in live.events.past()] == [("builder", "prune")]
    assert live.client("POST", "/build/prune?keep-storage=x").status == 500


def test_the_cache_s_filters_are_checked(client: Client) -> None:
    reply = client("POST", "/build/prune", params={"filters": '{"foo":["x"]}'})
    assert (reply.status, reply.message) == (400, "failed to prune build cache: Invalid filter 'foo'")
    assert client("POST", "/build/prune", params={"filters": '{"until":["24h"]}'}).status == 200
    reply = client("POST", f"/build/prune?keep-storage={'9' * 20}")
    assert (reply.status, reply.message.endswith("value out of range")) == (500, True)


def test_the_steps_containers_have_the_volumes_and_keep_no_log(live: Live) -> None:
    said = build(live, "FROM alpine\nVOLUME /v\nRUN echo lost >/v/f\nRUN ls /v; false\n", "t=t:1&rm=1")
    assert said[-1] == "The command '/bin/sh -c ls /v; false' returned a non-zero code: 1"
    (left,) = live.client("GET", "/containers/json?all=1").json
    found = live.client("GET", f"/containers/{left['Id']}/json").json
    assert found["HostConfig"]["LogConfig"] == {"Type": "none", "Config": {}}
    assert [mount["Destination"] for mount in found["Mounts"]] == ["/v"]
    volumes = [event.action for event in live.events.past() if event.type == "volume"]
    assert (volumes.count("create"), volumes.count("destroy")) == (3, 2)


def test_only_what_runs_is_not_checked(live: Live) -> None:
    build(live, "FROM alpine\nHEALTHCHECK CMD x\nRUN true\n", "rm=0")
    listed = live.client("GET", "/containers/json?all=1").json
    kept = [live.client("GET", f"/containers/{one['Id']}/json").json["Config"] for one in listed]
    tests = {one["Cmd"][-1]: one["Healthcheck"]["Test"] for one in kept}
    assert tests.pop("true") == ["NONE"]
    assert list(tests.values()) == [["CMD-SHELL", "x"]]
