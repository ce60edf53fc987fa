"""`touch`: the shell's own sets no times."""

import datetime
import errno
import getopt
import posixpath

from swarmlab.runtime.virtual.context import Context

_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
    "%Y%m%d%H%M", "%Y%m%d%H%M.%S", "%H:%M",
)  # fmt: skip


async def touch(context: Context) -> int:
    """`touch [-c] [-d DATE] [-t DATE] [-r FILE] FILE…`; dates as BusyBox reads them, in UTC."""
    try:
        given, names = getopt.gnu_getopt(
            context.argv[1:], "acmhd:t:r:", ["no-create", "date=", "reference=", "no-dereference"]
        )
    except getopt.GetoptError as error:
        await context.err(f"touch: {error}\n")
        return 1
    options = dict(given)
    when = options.get("-d", options.get("--date", options.get("-t")))
    root = context.machine.root
    moment: int | None = None
    if when is not None and (moment := _moment(when)) is None:
        await context.err(f"touch: invalid date '{when}'\n")
        return 1
    reference = options.get("-r", options.get("--reference"))
    failed = False
    try:
        if reference is not None:
            found = root.followed(context.path(reference))
            fs, inner = root.at(found)
            moment = round(root.modified(found, fs.stat(inner)) * 1e9)
    except (RuntimeError, OSError):
        await context.err(f"touch: {reference}: No such file or directory\n")
        return 1
    for name in names:
        path = posixpath.normpath(context.path(name))
        try:
            _may_touch(context, path, create="-c" not in options and "--no-create" not in options)
            root.touch(path, moment, create="-c" not in options and "--no-create" not in options)
        except FileNotFoundError:
            failed = True
            await context.err(f"touch: {name}: No such file or directory\n")
        except OSError as error:
            failed = True
            await context.err(f"touch: {name}: {error.strerror}\n")
    return int(failed)


def _may_touch(context: Context, path: str, *, create: bool) -> None:
    """Raises OSError when the user may not write a file, or make it; a new one is his."""
    fs, inner = context.machine.root.personal(path, context.user)
    root = context.machine.root
    if root.is_personal(context.user) and (create or fs.exists(inner)) and not root.is_read_only(path):
        try:
            fs.append_file(inner, b"")
        except RuntimeError as error:
            reason = str(error).removeprefix("io error: ")
            raise FileNotFoundError if "No such" in reason else OSError(errno.EACCES, reason) from None


def _moment(text: str) -> int | None:
    """Unix nanoseconds; None when it is no date."""
    if text.startswith("@") and text[1:].isdigit():
        return int(text[1:]) * 1_000_000_000
    for form in _FORMATS:
        try:
            found = datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC)
        except ValueError:
            continue
        if found.year == 1900:
            found = datetime.datetime.combine(datetime.datetime.now(datetime.UTC).date(), found.timetz())
        return round(found.timestamp()) * 1_000_000_000
    return None
