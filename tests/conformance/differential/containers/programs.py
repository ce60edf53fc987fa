"""What runs in containers: images, and programs that end soon or stay."""

import re

#: The images that both engines have from the start: the real engine's own.
IMAGES = ("alpine", "alpine", "busybox", "busybox", "nginx:alpine")
#: Images that commands make.
MADE = ("img:1", "img:2", "other")
MISSING = ("nosuch", "nosuch:1", "BAD", "img:1:2", "alpine:nosuch", "''", "img@sha256:x")
#: Programs that stay until somebody ends them: what LASTING finds in their command lines.
STAY = (
    "sleep 1000",
    "sleep 1000",
    "sh -c 'sleep 1000'",
    "sh -c 'trap \"echo got; exit 7\" TERM; echo ready; while sleep 0.1; do :; done; : 1000'",
    "sh -c 'echo one; echo two >&2; exec sleep 1000'",
    "sh -c 'touch /made; mkdir -p /d; echo x >/d/f; rm -f /etc/motd; exec sleep 1000'",
    "sh -c 'i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000'",
)
LASTING = re.compile(r"1000|nginx")
SHORT = (
    "true",
    "false",
    "echo hi",
    "sh -c 'echo out; echo err >&2; exit 3'",
    "nosuch",
    "/etc",
    "/etc/passwd",
    "ls /",
    "ls -la /d",
    "env",
    "id",
    "pwd",
    "hostname",
    "cat /etc/hostname",
    "cat /nosuch",
    "cat /etc/hosts",
    "sh -c 'echo $HOME $PATH $A'",
    "sh -c 'touch /x && ls /x'",
    "sh -c 'echo a > /d/f; cat /d/f'",
    "sh -c 'kill -9 $$'",
    "sh -c 'ulimit -n'",
    "cat",
    "sh -c 'cat; echo end'",
    "head -c 3",
    "wc -c",
    "sleep 0.2",
    "sh -c 'exit 200'",
    "cat /d/f /c.txt",
    "stat -c '%U %a %F %s' / /tmp /d /etc/passwd",
    "df -h /t",
    "printf 'a\\tb\\n'",
    "ip -4 addr show eth0",
    "cat /proc/1/cmdline",
    "tail -n 1 /etc/group",
    "sh -c 'tty; test -t 1 && echo terminal'",
    "sh -c 'echo $0 $#' a b",
    "find /d /t /anon",
    "''",
)
