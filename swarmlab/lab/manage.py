"""The life of a lab, as the command line, the notebooks and the checker use it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from swarmlab.lab import launch
from swarmlab.lab.client import NotRunningError, ask
from swarmlab.lab.environ import write_docker_config
from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import Folder, Settings, all_folders, folder, make_private, remove_sockets, up_command
from swarmlab.lab.locks import Lock, signed
from swarmlab.lab.tcp import listening, prepare_certificates

DEFAULT_NODES = 3
MAX_NODES = 99
MAX_HOLLOW_NODES = 10_000
MAX_SPEED = 1000.0


class Up(NamedTuple):
    """What `up` found and did. `outcome`: `new`, `started`, `restored` (after a crash), or `running` (as it was)."""

    settings: Settings
    outcome: str


def up(
    name: str | None = None,
    nodes: int | None = None,
    speed: float | None = None,
    *,
    hollow: bool = False,
    tcp: bool | None = None,
    bind: str | None = None,
    instant: bool | None = None,
    outside: bool | None = None,
    generic_resources: Sequence[str] = (),
    engine_labels: Sequence[str] = (),
) -> Up:
    """Start a lab, or leave it as it is when it runs, but for its speed.

    `nodes` (1 to 99) and `speed` (swarm seconds a second) are by default those it has; a new lab has 3 nodes and
    speed 1. In a `hollow` lab containers do nothing, and there may be 10,000 nodes. With `tcp` its engines also listen
    for TLS, at `bind` (`ADDRESS`, `ADDRESS:PORT`) and the next ports; by default as before. With `instant` containers
    of tasks take no time to start and stop beside what their programs take, and with `outside` containers reach what
    this machine reaches; by default as before. `generic_resources` are `NODE:KIND=VALUE` and `engine_labels`
    `NODE:KEY=VALUE`, for a new lab. Raises LabError.
    """
    where = folder(name)
    _check(nodes, speed, hollow=hollow or (where.exists() and where.settings().hollow))
    make_private(where.home, "swarmlab's folder")
    with Lock(where.command_lock):
        new = not where.exists()
        count = nodes or (DEFAULT_NODES if new else where.settings().nodes)
        resources, labels = _by_node(generic_resources, count), _by_node(engine_labels, count)
        _check_engines(resources, labels)
        settings = where.create(count, speed or 1.0, hollow=hollow, generic_resources=resources, engine_labels=labels)
        _check_unchanged(where, settings, nodes, hollow=hollow, resources=resources, labels=labels)
        if speed is not None and speed != settings.speed:
            settings = settings._replace(speed=speed)
            where.write(settings)
        listen = settings.tcp if tcp is None and bind is None else listening(settings, tcp, bind)
        changed = settings._replace(
            tcp=listen,
            instant=settings.instant if instant is None else instant,
            outside=settings.outside if outside is None else outside,
        )
        if changed != settings:
            if launch.running(where):
                raise LabError(
                    f'The lab "{where.name}" runs already; to change its {_difference(settings, changed)} stop it: '
                    f"swarmlab down --name {where.name}"
                )
            settings = changed
            where.write(settings)
        if launch.answer(where, settings) is not None:
            if speed is not None:
                ask(settings.control, "POST", "/speed", {"speed": speed})
            return Up(settings, "running")
        crashed = signed(where.lock) is not None
        settings = where.open_sockets(settings)
        prepare_certificates(where, settings)
        write_docker_config(where, settings)
        launch.launch(where)
    return Up(settings, "new" if new else "restored" if crashed else "started")


def _difference(settings: Settings, changed: Settings) -> str:
    """What a lab would have to be started anew for."""
    if settings.tcp != changed.tcp:
        return "TCP ports"
    return "pace" if settings.instant != changed.instant else "way outside"


def _check_unchanged(
    where: Folder,
    settings: Settings,
    nodes: int | None,
    *,
    hollow: bool,
    resources: Mapping[str, tuple[str, ...]],
    labels: Mapping[str, tuple[str, ...]],
) -> None:
    """Raises LabError when a lab was made with other settings than are asked for, of those that it keeps for life."""
    what = options = ""
    if resources and resources != settings.generic_resources:
        what, options = "was made with other values of --generic-resource. To make it anew", "--generic-resource …"
    elif labels and labels != settings.engine_labels:
        what, options = "was made with other values of --engine-label. To make it anew", "--engine-label …"
    elif hollow and not settings.hollow:
        what, options = "is not hollow. To make it anew", "--hollow"
    elif nodes is not None and nodes != settings.nodes:
        what, options = f"has {settings.nodes} nodes. To make it anew with {nodes}", f"--nodes {nodes}"
    if what:
        anew = f"swarmlab down --purge --name {where.name}, then {up_command(where.name)} {options}"
        raise LabError(f'The lab "{where.name}" {what}: {anew}')


def _by_node(values: Sequence[str], nodes: int) -> dict[str, tuple[str, ...]]:
    """`node-2:gpu=1` and the like, by node. Raises LabError."""
    found: dict[str, tuple[str, ...]] = {}
    for value in values:
        node, colon, rest = value.partition(":")
        number = node.removeprefix("node-")
        if not colon or "=" not in rest:
            raise LabError(f'"{value}" is not of the form NODE:KEY=VALUE, for example node-2:{rest or "gpu"}=2.')
        if not (node.startswith("node-") and number.isdecimal() and str(int(number)) == number):
            raise LabError(f'There is no node "{node}"; nodes are called node-1, node-2, …')
        if not 1 <= int(number) <= nodes:
            raise LabError(f'There is no node "{node}"; the lab has {nodes} nodes.')
        found[node] = (*found.get(node, ()), rest)
    return found


def _check_engines(resources: Mapping[str, tuple[str, ...]], labels: Mapping[str, tuple[str, ...]]) -> None:
    """Raises LabError with the words of the daemon that could not be configured so."""
    if not resources and not labels:
        return
    # Late, as it costs time that other commands need not pay.
    from swarmlab.engine.settings import engine_settings

    for node in dict.fromkeys([*resources, *labels]):
        try:
            engine_settings(labels.get(node, ()), resources.get(node, ()))
        except ValueError as error:
            raise LabError(f"{node}: {error}") from None


def down(name: str | None = None, *, purge: bool = False) -> str:
    """Stop a lab, and with `purge` delete it. Return one sentence on what happened. Raises LabError."""
    where = folder(name)
    settings = where.settings()
    with Lock(where.command_lock):
        if launch.running(where):
            ended = f'The lab "{where.name}" has stopped' + ("" if launch.end(where) else " (it had to be killed)")
        else:
            # A daemon that was killed has left its sockets, and maybe processes of containers.
            remove_sockets(settings)
            _end_left_behind(where)
            ended = f'The lab "{where.name}" was not running'
        if not purge:
            return f"{ended}; everything in it is kept for the next: {up_command(where.name)}"
        where.purge()
    return f"{ended} and is deleted."


def _end_left_behind(where: Folder) -> None:
    # Late, as it costs time that other commands need not pay.
    from swarmlab.runtime.virtual.processes.leftovers import kill_left_behind

    for state in (where.path / "containers").glob("*"):
        kill_left_behind(state)


def status(name: str | None = None) -> dict[str, Any]:
    """What a lab is and does, as `swarmlab status --json` prints it. Raises LabError when there is no such lab.

    `state` is `running`, `stopped` or `crashed`; `journal` is a path; `without_engine` is how many nodes a hollow lab
    has beside `nodes`; `outside` says whether containers reach what this machine reaches; a node has `name`,
    `endpoint`, `tcp` (its endpoint over TLS, or None), `address` and `state` (`running`, `stopped` or `killed`);
    `certificates` is the folder of those for TLS, or None; `published` says
    where each published port answers.
    """
    where = folder(name)
    settings = where.settings()
    common: dict[str, Any] = {
        "name": where.name,
        "folder": str(where.path),
        "journal": str(where.journal),
        "hollow": settings.hollow,
        "without_engine": settings.without_engine,
        "outside": settings.outside,
        "certificates": None if settings.tcp is None else str(where.certificates),
    }
    answer = launch.answer(where, settings)
    if answer is not None:
        return common | answer
    # Late, as it costs time that the commands for a running lab need not pay.
    from swarmlab.network import node_addresses

    addresses = node_addresses(len(settings.node_names), settings.number)
    nodes = [
        {
            "name": node,
            "endpoint": settings.endpoint(node),
            "tcp": settings.tcp_endpoint(node),
            "address": address.host,
            "state": "stopped",
        }
        for node, address in zip(settings.node_names, addresses, strict=True)
    ]
    state = "stopped" if signed(where.lock) is None else "crashed"
    return common | {"state": state, "pid": None, "speed": settings.speed, "nodes": nodes, "published": []}


def is_running(name: str | None = None) -> bool:
    """Whether the lab's process lives. Raises LabError for a name that no lab can have."""
    return launch.running(folder(name))


def advice(where: Folder) -> str:
    """What to tell who needs a lab that does not run."""
    return f'The lab "{where.name}" is not running; start it with: {up_command(where.name)}'


def reset(name: str | None = None) -> None:
    """Make a running lab as new: no swarm, nothing published, all nodes on. Raises LabError."""
    where = folder(name)
    with Lock(where.command_lock):
        _tell(where, "/reset")


def power(node: str, action: str, name: str | None = None) -> None:
    """`stop` (as a shutdown), `kill` (as a power cut) or `start` a node of a running lab. Raises LabError."""
    where = folder(name)
    check_node(where.settings(), node)
    _tell(where, f"/node/{node}/{action}")


def partition(nodes: Sequence[str], name: str | None = None) -> None:
    """Cut nodes of a running lab off from all others; among themselves they still reach each other. Raises LabError."""
    where = folder(name)
    settings = where.settings()
    for node in nodes:
        check_node(settings, node)
    if set(nodes) >= set(settings.node_names):
        raise LabError("At least one node must be left for the others to be cut off from.")
    _tell(where, "/partition", {"nodes": list(nodes)})


def heal(name: str | None = None) -> None:
    """Let all nodes of a running lab reach each other again. Raises LabError."""
    _tell(folder(name), "/heal")


def clock(name: str | None = None, speed: float | None = None) -> dict[str, Any]:
    """The lab's time (`now`, RFC 3339) and `speed`, after setting the speed if one is given. Raises LabError."""
    where = folder(name)
    _check(None, speed, hollow=False)
    if speed is not None:
        with Lock(where.command_lock):
            _tell(where, "/speed", {"speed": speed})
            # For the next start of the lab.
            where.write(where.settings()._replace(speed=speed))
    settings = where.settings()
    try:
        return ask(settings.control, "GET", "/clock")
    except NotRunningError:
        raise LabError(advice(where)) from None


def published_port(port: int, node: str = "node-1", name: str | None = None) -> tuple[str, str]:
    """The address for a browser at which the published `port` of `node` answers, and why that is not the port's own.

    The latter is empty where it is. Raises LabError when nothing answers.
    """
    where = folder(name)
    check_node(where.settings(), node)
    answer = launch.answer(where, where.settings())
    if answer is None:
        raise LabError(advice(where))
    found = [entry for entry in answer["published"] if (entry["node"], entry["port"]) == (node, port)]
    if not found:
        raise LabError(f"Nothing is published on port {port} of {node}; see: docker service ls")
    for entry in found:
        if entry["url"] is not None:
            return entry["url"], entry["reason"]
    raise LabError(f"Port {port} of {node} does not answer: {found[0]['reason']}")


def check_node(settings: Settings, node: str) -> None:
    """Raise LabError when the lab has no such node."""
    names = settings.node_names
    if node not in names:
        raise LabError(f'The lab "{settings.name}" has no node "{node}"; it has {names[0]} to {names[-1]}.')


def others(name: str) -> list[str]:
    """The names of this user's other labs that run."""
    return [found.name for found in all_folders() if found.name != name and launch.running(found)]


def _tell(where: Folder, path: str, body: Mapping[str, object] | None = None) -> None:
    settings = where.settings()
    if launch.answer(where, settings) is None:
        raise LabError(advice(where))
    ask(settings.control, "POST", path, body)


def _check(nodes: int | None, speed: float | None, *, hollow: bool) -> None:
    most = MAX_HOLLOW_NODES if hollow else MAX_NODES
    if nodes is not None and not 1 <= nodes <= most:
        kind, more = ("hollow lab", "") if hollow else ("lab", f" With --hollow: up to {MAX_HOLLOW_NODES}.")
        raise LabError(f"A {kind} has 1 to {most} nodes, not {nodes}.{more}")
    if speed is not None and not 0 < speed <= MAX_SPEED:
        raise LabError(f"The speed is more than 0 and at most {MAX_SPEED:g}, not {speed:g}.")
