"""`install`, and `realpath`: the shell's own know nothing of links and of what is mounted."""

import getopt
import posixpath

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.modes import octal


async def realpath(context: Context) -> int:
    """`realpath FILE…`: where paths lead to; the last part need not be there in GNU's."""
    failed = False
    root = context.machine.root
    for name in [word for word in context.argv[1:] if not word.startswith("-")]:
        path = root.followed(context.path(name))
        fs, inner = root.seen(path)
        above, _ = root.seen(posixpath.dirname(path))
        if fs.exists(inner) or (not context.machine.is_busybox and above.exists(posixpath.dirname(inner))):
            await context.out(f"{path}\n")
        else:
            failed = True
            await context.err(f"realpath: {name}: No such file or directory\n")
    return int(failed)


async def install(context: Context) -> int:
    """`install [-d] [-D] [-m MODE] [-o USER] [-g GROUP] [-t DIRECTORY] SOURCE… TARGET`."""
    try:
        given, words = getopt.gnu_getopt(context.argv[1:], "cdDpsm:o:g:t:", ["mode=", "owner=", "group=", "directory"])
    except getopt.GetoptError as error:
        await context.err(f"install: invalid option -- '{error.opt}'\n")
        return 1
    options = {name.replace("--", "-")[:2]: value for name, value in given}
    mode = octal(options.get("-m", "755"))
    users = context.machine.users
    try:
        uid = users.find(options["-o"]).uid if "-o" in options else context.user.uid
        gid = users.group(options["-g"]) if "-g" in options else context.user.gid
    except LookupError:
        unknown = f"user {options['-o']}" if "-o" in options and users.name_of(options["-o"]) is None else "group"
        await context.err(f"install: unknown {unknown}\n")
        return 1
    if mode is None:
        await context.err(f"install: invalid mode '{options['-m']}'\n")
        return 1
    if len(words) < (1 if options.keys() & {"-d", "-t"} else 2):
        await context.err("install: missing operand\n")
        return 1
    root = context.machine.root
    sources = words if "-t" in options else words[:-1]
    target = context.path(options["-t"] if "-t" in options else words[-1])
    failed = False
    for name in words if "-d" in options else sources:
        inside = "-t" in options or root.is_directory(target)
        path = target if not inside or "-d" in options else posixpath.join(target, posixpath.basename(name))
        path = context.path(name) if "-d" in options else path
        fs, inner = root.personal(root.followed(path), context.user)
        try:
            if "-d" in options:
                fs.mkdir(inner, recursive=True)
            else:
                data = root.read(context.path(name))
                if "-D" in options:
                    fs.mkdir(posixpath.dirname(inner), recursive=True)
                fs.write_file(inner, data)
            fs.chmod(inner, mode)
            root.give(path, uid, gid)
        except FileNotFoundError:
            failed = True
            await context.err(f"install: can't stat '{name}': No such file or directory\n")
        except RuntimeError as error:
            failed = True
            await context.err(f"install: can't create '{path}': {str(error).removeprefix('io error: ')}\n")
    root.sync()
    return int(failed)
