"""The labs' pictures, drawn as SVG: `python -m checker.notebooks build` writes them to `labs/images/`.

Each has a title and a description for those who don't see it, and a background of its own, so that it can be read in
light and dark themes alike. The same call draws the same picture, to the byte.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from xml.sax.saxutils import escape

_INK, _PAPER, _LINE = "#1f2933", "#ffffff", "#52606d"
_OLD, _NEW, _NODE, _SERVICE = "#f7c67f", "#8fc7a3", "#eef2f7", "#a9c9ee"


class Drawing:
    """A canvas; lengths are in pixels, from the top left corner."""

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self._size = (width, height)
        self._head = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, fill: str, *, outline: str = _LINE) -> None:
        """A rectangle with round corners."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" stroke="{outline}"/>'
        )

    def text(
        self, x: float, y: float, text: str, *, size: int = 14, anchor: str = "middle", bold: bool = False
    ) -> None:
        """A line of text; `anchor` is `start`, `middle` or `end`."""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
        )

    def line(self, points: Sequence[tuple[float, float]], *, arrow: bool = False, dashed: bool = False) -> None:
        """A line through points, perhaps with an arrow at its end."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        marks = (' marker-end="url(#tip)"' if arrow else "") + (' stroke-dasharray="5 4"' if dashed else "")
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="1.5"{marks}/>')

    def svg(self) -> str:
        """The picture as an SVG document."""
        width, height = self._size
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" role="img" font-family="system-ui, sans-serif" fill="{_INK}">',
                self._head,
                '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
                f'orient="auto"><path d="M0 0L10 5L0 10z" fill="{_LINE}"/></marker></defs>',
                f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
                *self._parts,
                "</svg>\n",
            )
        )


def batches(replicas: int = 10, parallelism: int = 2, delay: int = 10, restart: int = 2) -> str:
    """A rolling update over time: a row for each replica, old and new version; `delay`, `restart` are in seconds."""
    count = -(-replicas // parallelism)
    left, top, row, second = 90, 70, 24, 11
    end = count * (restart + delay)
    width, height = left + end * second + 30, top + replicas * row + 70
    drawing = Drawing(
        width,
        height,
        "A rolling update, batch after batch",
        f"{replicas} replicas in {replicas} rows, time from left to right. At first all rows show the old version. "
        f"Every {restart + delay} seconds {parallelism} rows stop, and go on with the new version about {restart} "
        f"seconds later; then the update waits for {delay} seconds. After {count} batches all rows are new. "
        f"At every moment at least {replicas - parallelism} replicas run.",
    )
    drawing.box(left, 14, 16, 16, _OLD)
    drawing.text(left + 24, 27, "old version", anchor="start")
    drawing.box(left + 130, 14, 16, 16, _NEW)
    drawing.text(left + 154, 27, "new version", anchor="start")
    drawing.text(left + 260, 27, "gap: this replica is down", anchor="start")
    for batch in range(count):
        start = left + batch * (restart + delay) * second
        drawing.line([(start, top - 14), (start, top + replicas * row + 8)], dashed=True)
        drawing.text(start + 4, top - 18, f"batch {batch + 1}", size=12, anchor="start")
        drawing.text(start, height - 44, f"{batch * (restart + delay)} s", size=12)
        for replica in range(batch * parallelism, min((batch + 1) * parallelism, replicas)):
            y = top + replica * row
            drawing.text(left - 34, y + 14, f"web.{replica + 1}", size=12, anchor="end")
            drawing.box(left - 26, y, start - left + 26, row - 6, _OLD)
            begin = start + restart * second
            drawing.box(begin, y, left + end * second - begin + 10, row - 6, _NEW)
    caption = f"time; between two batches the update waits for {delay} s"
    drawing.text(left, height - 16, caption, size=12, anchor="start")
    return drawing.svg()


def routing_mesh() -> str:
    """A request that comes to a node without a task, and the way it takes."""
    drawing = Drawing(
        760,
        400,
        "The routing mesh",
        "Three nodes, each of which listens on port 81. A client opens port 81 of node-3, which runs no task of the "
        "service. The node knows port 81 as that of the service whoami, picks one of its two tasks, which are on "
        "node-1 and node-2, and sends the connection there over the ingress network, which spans all three nodes.",
    )
    drawing.box(20, 318, 720, 48, _SERVICE)
    drawing.text(380, 348, "ingress network: an overlay over all nodes", bold=True)
    for index in range(3):
        x = 30 + index * 240
        drawing.box(x, 104, 220, 190, _NODE)
        drawing.text(x + 110, 284, f"node-{index + 1}", bold=True)
        drawing.box(x + 60, 92, 100, 28, _PAPER)
        drawing.text(x + 110, 111, "port 81")
        if index < 2:
            drawing.box(x + 20, 206, 180, 52, _NEW)
            drawing.text(x + 110, 228, f"task whoami.{index + 1}")
            drawing.text(x + 110, 247, "port 8000", size=12)
        else:
            drawing.text(x + 110, 238, "no task of whoami", size=13)
        drawing.box(x + 35, 146, 150, 30, _SERVICE)
        drawing.text(x + 110, 166, "whoami: pick a task", size=13)
    drawing.box(560, 14, 120, 34, _PAPER)
    drawing.text(620, 36, "client")
    drawing.line([(620, 48), (620, 90)], arrow=True)
    drawing.line([(620, 120), (620, 144)], arrow=True)
    drawing.line([(695, 161), (716, 161), (716, 330), (500, 330), (500, 232), (472, 232)], arrow=True)
    drawing.line([(500, 330), (260, 330), (260, 232), (232, 232)], arrow=True, dashed=True)
    drawing.text(20, 388, "solid: the task picked for this connection; dashed: the next one", size=12, anchor="start")
    return drawing.svg()


def cluster() -> str:
    """A swarm of managers and workers, a service and its tasks."""
    drawing = Drawing(
        720,
        330,
        "A swarm",
        "You give a command to the manager node-1: a service web with three replicas. The manager keeps what you asked "
        "for and gives each of the nodes node-1, node-2 and node-3 one task; each task is a container with nginx. "
        "The nodes report to the manager how their tasks are.",
    )
    drawing.box(20, 20, 210, 44, _PAPER)
    drawing.text(125, 47, "you: three of web, please", size=13)
    drawing.line([(125, 64), (125, 98)], arrow=True)
    for index in range(3):
        x = 20 + index * 235
        drawing.box(x, 100, 210, 190, _NODE)
        drawing.text(x + 105, 122, f"node-{index + 1}", bold=True)
        if index == 0:
            drawing.box(x + 15, 134, 180, 50, _SERVICE)
            drawing.text(x + 105, 155, "manager")
            drawing.text(x + 105, 173, "keeps the desired state", size=12)
            drawing.line([(x + 105, 184), (x + 105, 208)], arrow=True)
        else:
            drawing.text(x + 105, 164, "worker")
        drawing.box(x + 15, 210, 180, 60, _NEW)
        drawing.text(x + 105, 236, f"task web.{index + 1}")
        drawing.text(x + 105, 256, "container: nginx", size=12)
    drawing.line([(215, 160), (240, 160), (240, 230), (268, 230)], arrow=True)
    drawing.line([(240, 162), (240, 88), (475, 88), (475, 230), (503, 230)], arrow=True)
    caption = "arrows: managers give tasks to nodes; nodes report how the tasks are"
    drawing.text(20, 316, caption, size=12, anchor="start")
    return drawing.svg()


def secret() -> str:
    """The way of a secret from the learner to a container."""
    drawing = Drawing(
        760,
        250,
        "The way of a secret",
        "docker secret create sends the value over TLS to a manager. The managers keep it encrypted in their Raft log. "
        "When a task of a service that was given the secret starts, a manager sends the value over mutual TLS to that "
        "node only, which shows it to the container as a file under /run/secrets in memory. When the task ends, the "
        "node forgets it. A node without such a task never gets it.",
    )
    stations = (
        ("you", "docker secret create", _PAPER),
        ("managers", "encrypted Raft log", _SERVICE),
        ("node with a task", "in memory only", _NODE),
        ("container", "/run/secrets/NAME", _NEW),
    )
    for index, (name, what, fill) in enumerate(stations):
        x = 20 + index * 190
        drawing.box(x, 50, 150, 70, fill)
        drawing.text(x + 75, 80, name, bold=True)
        drawing.text(x + 75, 102, what, size=12)
        if index:
            drawing.line([(x - 40, 85), (x - 2, 85)], arrow=True)
    drawing.text(190, 40, "TLS", size=12)
    drawing.text(380, 40, "mutual TLS", size=12)
    drawing.text(570, 40, "tmpfs", size=12)
    drawing.box(400, 166, 150, 54, _NODE)
    drawing.text(475, 190, "any other node", bold=True)
    drawing.text(475, 209, "never gets it", size=12)
    drawing.line([(285, 120), (285, 193), (366, 193)], dashed=True)
    drawing.text(380, 200, "✕", size=20)
    return drawing.svg()


def blue_green() -> str:
    """A proxy that leads users to one of two versions."""
    drawing = Drawing(
        640,
        330,
        "Blue, green, and the switch in front",
        "Users open a published port of the proxy. A config tells the proxy where to pass requests on. Two services "
        "run behind it on an overlay network, blue with the old version and green with the new one. A solid arrow "
        "leads from the proxy to blue, a dashed one to green. With the config to-green all requests go to green; "
        "with the config to-both nine of ten go to blue and one to green.",
    )
    drawing.box(20, 110, 110, 50, _PAPER)
    drawing.text(75, 140, "users")
    drawing.line([(130, 135), (198, 135)], arrow=True)
    drawing.box(200, 90, 150, 90, _SERVICE)
    drawing.text(275, 120, "proxy", bold=True)
    drawing.text(275, 142, "published port", size=12)
    drawing.text(275, 160, "its config decides", size=12)
    drawing.box(410, 20, 210, 230, _NODE)
    drawing.text(515, 44, "overlay network", size=12)
    drawing.box(430, 60, 170, 60, _OLD)
    drawing.text(515, 86, "blue", bold=True)
    drawing.text(515, 106, "old version", size=12)
    drawing.box(430, 160, 170, 60, _NEW)
    drawing.text(515, 186, "green", bold=True)
    drawing.text(515, 206, "new version", size=12)
    drawing.line([(350, 120), (428, 90)], arrow=True)
    drawing.line([(350, 150), (428, 190)], arrow=True, dashed=True)
    for row, line in enumerate(
        ("config to-blue: all to blue", "config to-green: all to green", "config to-both: nine to blue, one to green")
    ):
        drawing.text(20, 280 + row * 18, line, size=12, anchor="start")
    return drawing.svg()


def stack(*, proxied: bool = False) -> str:
    """The services of labs A3 and A4 (`proxied`: with nginx in front, a config and a secret), and a request's way."""
    way = "A browser opens port {} of a node. The routing mesh hands the request to a task of the service {}"
    description = "A stack named test_swarm in a swarm. "
    if proxied:
        description += way.format("1337", "nginx, which has its configuration from the config nginx_conf")
        description += (
            ". nginx sends it on to the service web: gunicorn with the Django application, two tasks, in turns. "
        )
    else:
        description += way.format("8000", "web, which is Django's development server") + ". "
    description += "web finds the service db, PostgreSQL, by its name on the network test_swarm_default, "
    description += "which belongs to the stack."
    if proxied:
        description += " web and db both have the secret pg_password as a file."
    left = 190 if proxied else 0
    drawing = Drawing(
        570 + left, 300, "A request's way through the stack" + (", behind nginx" if proxied else ""), description
    )
    drawing.box(150, 14, 400 + left, 272, _NODE)
    drawing.text(164, 36, "stack test_swarm", anchor="start", bold=True)
    drawing.box(164, 196, 372 + left, 34, _SERVICE)
    drawing.text(350 + left / 2, 218, "network test_swarm_default", bold=True)
    drawing.box(14, 96, 90, 54, _PAPER)
    drawing.text(59, 128, "browser")
    services = [("nginx", "nginx, port 80", 1)] if proxied else []
    services += [("web", "gunicorn, port 8000" if proxied else "runserver, port 8000", 2 if proxied else 1)]
    services += [("db", "PostgreSQL, port 5432", 1)]
    for index, (name, what, tasks) in enumerate(services):
        x = 172 + index * 190
        for task in reversed(range(tasks)):
            drawing.box(x + 8 * task, 90 - 8 * task, 150, 66, _NEW)
        drawing.text(x + 75, 118, name, bold=True)
        drawing.text(x + 75, 140, what, size=12)
        drawing.line([(x + 75, 156), (x + 75, 194)])
        drawing.line([(104 if not index else x - 40, 123), (x - 2, 123)], arrow=True)
    drawing.text(127, 112, "1337" if proxied else "8000", size=12)
    if proxied:
        drawing.box(172, 246, 150, 28, _PAPER)
        drawing.text(247, 265, "config nginx_conf", size=12)
        drawing.line([(180, 246), (180, 158)], arrow=True, dashed=True)
        drawing.box(362, 246, 340, 28, _PAPER)
        drawing.text(532, 265, "secret pg_password", size=12)
        drawing.line([(370, 246), (370, 158)], arrow=True, dashed=True)
        drawing.line([(694, 246), (694, 158)], arrow=True, dashed=True)
    else:
        drawing.text(164, 262, "services find one another by their names: web asks for db", size=12, anchor="start")
    return drawing.svg()


#: What each picture's file is named, and what draws it.
PICTURES: Mapping[str, Callable[[], str]] = {
    "batches": batches,
    "blue-green": blue_green,
    "cluster": cluster,
    "routing-mesh": routing_mesh,
    "secret": secret,
    "stack": stack,
    "stack-proxied": partial(stack, proxied=True),
}
