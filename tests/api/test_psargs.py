"""The arguments of `docker top`, recorded from engine 20.10 and procps."""

import pytest

from swarmlab.api.errors import ApiError
from swarmlab.api.psargs import parse


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("", "UID PID PPID C STIME TTY TIME CMD"),
        ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("-o pid,comm --sort pid", "PID COMMAND"),
        ("-eo pid,user,args", "PID USER COMMAND"),
        ("-o pid=PID,cmd=Y", "PID Y"),
        ("-ef --forest", "UID PID PPID C STIME TTY TIME CMD"),
        ("-o pid -o cmd", "PID CMD"),
        ("-C sleep", "PID TTY TIME CMD"),
        ("-eLf", "UID PID PPID LWP C NLWP STIME TTY TIME CMD"),
        ("-l", "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD"),
        ("-F", "UID PID PPID C SZ RSS PSR STIME TTY TIME CMD"),
        ("ax", "PID TTY STAT TIME COMMAND"),
        ("-w", "PID TTY TIME CMD"),
        ("-o pid,etime,nice,pri,%cpu,%mem,lstart", "PID ELAPSED NI PRI %CPU %MEM STARTED"),
        ("-eo pid,tty,ruser,group,sz,wchan,nlwp,psr", "PID TT RUSER GROUP SZ WCHAN NLWP PSR"),
    ],
)
def test_columns(text: str, titles: str) -> None:
    assert " ".join(header for _, header in parse(text).columns) == titles


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-o pid=X", "Couldn't find PID field in ps output"),
        ("-o cmd", "Couldn't find PID field in ps output"),
        ("--no-headers", "Couldn't find PID field in ps output"),
        ("foo", 'ps: error: unknown user-defined format specifier "o"'),
        ("-o foo", 'ps: error: unknown user-defined format specifier "foo"'),
        ("-o", "ps: error: format specification must follow -o"),
        ("-Q", "ps: error: unsupported SysV option"),
        ("z", "ps: error: unsupported option (BSD syntax)"),
        ("--foo", "ps: error: unknown gnu long option"),
    ],
)
def test_what_ps_does_not_take(text: str, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(text)
    assert (caught.value.status, str(caught.value)) == (500, said)
