"""`tee` for users who may not write everywhere: the shell's own ends the script when it may not."""

import getopt

from swarmlab.runtime.virtual.context import Context


async def tee(context: Context) -> int:
    """`tee [-a] FILE…`: what comes in goes out, and into files."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "ai", ["append", "ignore-interrupts"])
    except getopt.GetoptError as error:
        await context.err(f"tee: invalid option -- '{error.opt}'\n")
        return 1
    appends = any(name in {"-a", "--append"} for name, _ in given)
    failed = False
    targets = []
    for name in names:
        fs, inner = context.machine.root.personal(context.machine.root.followed(context.path(name)), context.user)
        try:
            (fs.append_file if appends else fs.write_file)(inner, b"")
            targets.append((fs, inner))
        except RuntimeError as error:
            failed = True
            await context.err(f"tee: {name}: {str(error).removeprefix('io error: ')}\n")
    async for chunk in context.stdin:
        await context.out(chunk)
        for fs, inner in targets:
            fs.append_file(inner, chunk)
    context.machine.root.sync()
    return int(failed)
