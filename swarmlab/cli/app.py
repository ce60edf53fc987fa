"""The commands. Each is a call of the lab room; what it prints on a terminal is made in `render`."""

import json
import os
import sys
from typing import Annotated, Any

import typer

import swarmlab
from swarmlab.lab import LabError, environ, environment, manage
from swarmlab.lab.folder import folder

app = typer.Typer(
    name="swarmlab",
    help="Docker Swarm for learning: labs of Docker engines on this machine.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
node_app = typer.Typer(help="Take a node of a lab away, and bring it back.", no_args_is_help=True)
app.add_typer(node_app, name="node")

Name = Annotated[
    str | None, typer.Option("--name", help='The lab. Default: the one SWARMLAB_LAB names, else "default".')
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Node = Annotated[str, typer.Argument(help="A node: node-1, node-2, …")]


def main() -> None:
    """Run the command line; exit with 1 and one sentence when a lab cannot do it, with 2 when the usage is wrong."""
    if os.name == "nt":
        sys.exit("swarmlab needs Unix sockets that programs on Windows do not have: use it inside WSL 2.")
    try:
        app(prog_name="swarmlab")
    except LabError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        # The reader of our output has gone, as in `swarmlab logs | head`. Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"swarmlab {swarmlab.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Docker Swarm for learning: labs of Docker engines on this machine."""


@app.command()
def up(
    name: Name = None,
    nodes: Annotated[int | None, typer.Option(help="How many engines a new lab has (1 to 99). Default: 3.")] = None,
    hollow: Annotated[
        bool,
        typer.Option("--hollow", help="Make a lab whose containers do nothing; it may have up to 10,000 nodes."),
    ] = False,
    speed: Annotated[
        float | None, typer.Option(help="How many seconds pass in the swarm in one second. Default: 1.")
    ] = None,
    tcp: Annotated[
        bool | None,
        typer.Option("--tcp/--no-tcp", help="Let the engines also listen at TCP ports of 127.0.0.1, for TLS only."),
    ] = None,
    tcp_bind: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS[:PORT]", help="The same at another address; node-2 has the port after node-1's."),
    ] = None,
    instant: Annotated[
        bool | None,
        typer.Option(
            "--instant/--no-instant",
            help="Let containers of tasks start and stop at once, without the time that a real engine needs.",
        ),
    ] = None,
    outside: Annotated[
        bool | None,
        typer.Option(
            "--outside/--no-outside",
            help="Let containers reach what this machine reaches, and not only each other.",
        ),
    ] = None,
    generic_resource: Annotated[
        list[str] | None,
        typer.Option(
            help="What a node of a new lab offers to tasks that ask for it, as NODE:KIND=VALUE: node-2:gpu=2 for so "
            "many, or node-2:gpu=uuid1 and so on for units with names. May be given several times."
        ),
    ] = None,
    engine_label: Annotated[
        list[str] | None,
        typer.Option(
            help="A label of a node's engine, for constraints on engine.labels.KEY, as NODE:KEY=VALUE. "
            "May be given several times."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a lab. One that was stopped, or that crashed, goes on where it was."""
    done = manage.up(
        name,
        nodes,
        speed,
        hollow=hollow,
        tcp=tcp,
        bind=tcp_bind,
        instant=instant,
        outside=outside,
        generic_resources=generic_resource or (),
        engine_labels=engine_label or (),
    )
    if as_json:
        _print_json(manage.status(done.settings.name))
        return
    from swarmlab.cli import render

    typer.echo(render.after_up(done))


@app.command()
def down(
    name: Name = None,
    purge: Annotated[bool, typer.Option("--purge", help="Delete the lab and everything in it.")] = False,
) -> None:
    """Stop a lab. What is in it is kept unless you purge it."""
    typer.echo(manage.down(name, purge=purge))


@app.command()
def status(name: Name = None, as_json: Json = False) -> None:
    """Show a lab's nodes, and where its published ports answer."""
    found = manage.status(name)
    if as_json:
        _print_json(found)
        return
    from swarmlab.cli import render

    render.status(found, manage.others(found["name"]))


@app.command()
def env(
    node: Annotated[str, typer.Argument(help="The node that docker talks to.")] = "node-1",
    name: Name = None,
    shell: Annotated[str, typer.Option(help="sh (also for bash and zsh), fish or powershell.")] = "sh",
    tcp: Annotated[bool, typer.Option("--tcp", help="Over TLS, to a lab that was started with --tcp.")] = False,
    as_json: Json = False,
) -> None:
    """Print what makes docker talk to a lab. For this shell: eval "$(swarmlab env)"."""
    variables = environment(name, node, tcp=tcp)
    docker_config = folder(name).docker_config
    variables["PATH"] = environ.path_to_plugins(docker_config, os.environ.get("PATH", os.defpath))
    if as_json:
        _print_json(variables)
    else:
        for line in environ.commands(variables, shell, os.environ):
            typer.echo(line)
    if not manage.is_running(name):
        typer.echo(manage.advice(folder(name)), err=True)


@app.command()
def reset(name: Name = None) -> None:
    """Make a running lab as new: no swarm, no containers, all nodes on."""
    manage.reset(name)
    typer.echo(f'The lab "{folder(name).name}" is as new.')


@node_app.command("stop")
def node_stop(node: Node, name: Name = None) -> None:
    """Shut a node down in order, as for maintenance."""
    manage.power(node, "stop", name)
    typer.echo(f"{node} is shut down.")


@node_app.command("kill")
def node_kill(node: Node, name: Name = None) -> None:
    """Cut a node's power."""
    manage.power(node, "kill", name)
    typer.echo(f"{node} has lost its power.")


@node_app.command("start")
def node_start(node: Node, name: Name = None) -> None:
    """Switch a node on again."""
    manage.power(node, "start", name)
    typer.echo(f"{node} is on.")


@app.command()
def partition(
    nodes: Annotated[list[str], typer.Argument(help="The nodes that are cut off: node-2 node-3 …")],
    name: Name = None,
) -> None:
    """Cut nodes off from the others. They still reach each other, and docker still reaches them all."""
    manage.partition(nodes, name)
    typer.echo(f"{_listed(nodes)} {'is' if len(nodes) == 1 else 'are'} cut off; to undo it: swarmlab heal")


@app.command()
def heal(name: Name = None) -> None:
    """Let all nodes reach each other again."""
    manage.heal(name)
    typer.echo("All nodes reach each other.")


@app.command()
def clock(
    name: Name = None,
    speed: Annotated[float | None, typer.Option(help="Let so many seconds pass in the swarm in one second.")] = None,
    as_json: Json = False,
) -> None:
    """Show what time it is in a lab, and how fast time passes; or change how fast."""
    found = manage.clock(name, speed)
    if as_json:
        _print_json(found)
    else:
        typer.echo(f"{found['now']}, at {found['speed']:g} times real time")


@app.command()
def url(
    port: Annotated[int, typer.Argument(min=1, max=65535, help="A port that a service publishes.")],
    node: Annotated[str, typer.Argument(help="The node to ask.")] = "node-1",
    name: Name = None,
) -> None:
    """Print the address at which a published port answers on a node."""
    address, reason = manage.published_port(port, node, name)
    # First, as notebooks take the lines of both streams together.
    typer.echo(address)
    if reason:
        typer.echo(f"{reason}; {address} stands in for it", err=True)


@app.command()
def logs(
    name: Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of the end to show.")] = 100,
) -> None:
    """Show the log of a lab's own process (not of its containers: docker service logs shows that)."""
    from swarmlab.lab.logs import follow as follow_log
    from swarmlab.lab.logs import tail

    found = folder(name)
    found.settings()
    for line in tail(found.log, lines):
        typer.echo(line)
    if follow:
        try:
            for piece in follow_log(found.log):
                typer.echo(piece, nl=False)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


@app.command()
def images(
    repository: Annotated[str | None, typer.Argument(help="Only this one, such as nginx.")] = None,
    as_json: Json = False,
) -> None:
    """List the images that every engine of a lab has or can pull, and say what each is for."""
    from swarmlab.cli import catalogue, render

    found = catalogue.listed(repository)
    if as_json:
        _print_json(found)
    elif found:
        render.images(found)
    else:
        sys.exit(f'There is no image "{repository}". `swarmlab images` lists all.')


@app.command()
def doctor(name: Name = None, as_json: Json = False) -> None:
    """Look for what may keep labs from working on this machine, and say what to do. Exits with 1 on a problem."""
    from swarmlab.lab.doctor import examine

    checks = examine(name)
    if as_json:
        _print_json([check._asdict() for check in checks])
    else:
        from swarmlab.cli import render

        render.doctor(checks)
    if any(check.result == "problem" for check in checks):
        raise typer.Exit(1)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
