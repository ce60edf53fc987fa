"""`netstat`: the ports that listen, and the routing table."""

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.interfaces import routes


async def netstat(context: Context) -> int:
    """`netstat -r` shows routes, with `-l` or `-a` what listens; connections are not shown."""
    letters = {letter for word in context.argv[1:] if word.startswith("-") for letter in word.lstrip("-")}
    if unknown := letters - set("ralntupe46xwW"):
        await context.err(f"netstat: invalid option -- '{min(unknown)}'\n")
        return 1
    if "r" in letters:
        title = "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n"
        rows = (
            f"{a:<15} {b:<15} {c:<15} {flags:<6}    0 0          0 {name}\n" for a, b, c, flags, name in routes(context)
        )
        await context.out("Kernel IP routing table\n" + title + "".join(rows))
        return 0
    which = "(only servers)" if "l" in letters else "(servers and established)" if "a" in letters else "(w/o servers)"
    named = "PID/Program name    " if "p" in letters else ""
    lines = [
        f"Active Internet connections {which}\n",
        f"Proto Recv-Q Send-Q Local Address           Foreign Address         State       {named}\n",
    ]
    if letters & {"l", "a"}:
        first = next(iter(context.machine.pids), None)
        program = f"1/{first.command.partition(' ')[0].rpartition('/')[2]}" if first is not None else "-"
        for port in sorted(context.machine.ports):
            owner = f"{program:<20}" if named else ""
            lines.append(f"tcp        0      0 {f'0.0.0.0:{port}':<23} {'0.0.0.0:*':<23} LISTEN      {owner}\n")
    await context.out("".join(lines))
    return 0
