"""The programs that virtual containers run, by the name of their command."""

from collections.abc import Callable, Mapping, Sequence

from swarmlab.runtime.virtual.context import Program
from swarmlab.runtime.virtual.programs.accounts import addgroup, adduser, delgroup, deluser, useradd
from swarmlab.runtime.virtual.programs.copies import install, realpath
from swarmlab.runtime.virtual.programs.curl import curl
from swarmlab.runtime.virtual.programs.dd import dd
from swarmlab.runtime.virtual.programs.faulty import faulty_web
from swarmlab.runtime.virtual.programs.head import head
from swarmlab.runtime.virtual.programs.host import (
    crontab,
    dmesg,
    killall,
    logger,
    passwd,
    pidof,
    reboot,
    renice,
    sysctl,
    usleep,
    yes,
)
from swarmlab.runtime.virtual.programs.httpd import httpd
from swarmlab.runtime.virtual.programs.identity import id_
from swarmlab.runtime.virtual.programs.interfaces import hostname, ifconfig, ip, route
from swarmlab.runtime.virtual.programs.lookup import getent, nslookup
from swarmlab.runtime.virtual.programs.ls import ls
from swarmlab.runtime.virtual.programs.mkdir import mkdir
from swarmlab.runtime.virtual.programs.modes import chmod
from swarmlab.runtime.virtual.programs.mount import mount, umount
from swarmlab.runtime.virtual.programs.netcat import nc, telnet
from swarmlab.runtime.virtual.programs.netstat import netstat
from swarmlab.runtime.virtual.programs.nginx import nginx
from swarmlab.runtime.virtual.programs.owners import chgrp, chown
from swarmlab.runtime.virtual.programs.packages import apk, apt
from swarmlab.runtime.virtual.programs.pgclient import CLIENTS, client
from swarmlab.runtime.virtual.programs.ping import ping
from swarmlab.runtime.virtual.programs.pip import pip
from swarmlab.runtime.virtual.programs.postgres import entrypoint as postgres_entrypoint
from swarmlab.runtime.virtual.programs.postgres import postgres
from swarmlab.runtime.virtual.programs.ps import ps
from swarmlab.runtime.virtual.programs.python import python
from swarmlab.runtime.virtual.programs.redis import entrypoint as redis_entrypoint
from swarmlab.runtime.virtual.programs.redis import redis_cli, redis_server
from swarmlab.runtime.virtual.programs.registry import registry
from swarmlab.runtime.virtual.programs.remove import rm, rmdir
from swarmlab.runtime.virtual.programs.sleep import sleep
from swarmlab.runtime.virtual.programs.stat import stat
from swarmlab.runtime.virtual.programs.su import su
from swarmlab.runtime.virtual.programs.system import df, free, nproc, ulimit, uptime, whoami
from swarmlab.runtime.virtual.programs.tail import tail
from swarmlab.runtime.virtual.programs.tee import tee
from swarmlab.runtime.virtual.programs.top import top
from swarmlab.runtime.virtual.programs.touch import touch
from swarmlab.runtime.virtual.programs.visualizer import visualizer
from swarmlab.runtime.virtual.programs.voting import result_web, vote_web, vote_worker
from swarmlab.runtime.virtual.programs.wc import wc
from swarmlab.runtime.virtual.programs.wget import wget
from swarmlab.runtime.virtual.programs.whoami import whoami_echo, whoami_plain

#: Every program that is not the shell's own.
PROGRAMS: Mapping[str, Program] = {
    "addgroup": addgroup,
    "adduser": adduser,
    "apk": apk,
    **dict.fromkeys(("apt", "apt-get"), apt),
    "chgrp": chgrp,
    "chmod": chmod,
    "chown": chown,
    "crontab": crontab,
    "curl": curl,
    "dd": dd,
    "delgroup": delgroup,
    "deluser": deluser,
    "df": df,
    "dmesg": dmesg,
    "faulty-web": faulty_web,
    "free": free,
    "getent": getent,
    "groupadd": addgroup,
    "head": head,
    "hostname": hostname,
    "httpd": httpd,
    "id": id_,
    "install": install,
    "ifconfig": ifconfig,
    "ip": ip,
    "killall": killall,
    "logger": logger,
    "ls": ls,
    "mkdir": mkdir,
    "mount": mount,
    "nc": nc,
    "netstat": netstat,
    "nginx": nginx,
    **dict.fromkeys(CLIENTS, client),
    "nproc": nproc,
    "passwd": passwd,
    "pidof": pidof,
    "ping": ping,
    "pip": pip,
    "pip3": pip,
    "ps": ps,
    "postgres-server": postgres,
    "python": python,
    "python3": python,
    **dict.fromkeys(("halt", "poweroff", "reboot"), reboot),
    "redis-cli": redis_cli,
    "redis-server": redis_server,
    "registry": registry,
    "nslookup": nslookup,
    "result-web": result_web,
    "route": route,
    "realpath": realpath,
    "renice": renice,
    "sleep": sleep,
    "stat": stat,
    "su": su,
    "sysctl": sysctl,
    "tail": tail,
    "telnet": telnet,
    "top": top,
    "touch": touch,
    "ulimit": ulimit,
    "umount": umount,
    "uptime": uptime,
    "useradd": useradd,
    "usleep": usleep,
    "visualizer": visualizer,
    "vote-web": vote_web,
    "vote-worker": vote_worker,
    "wc": wc,
    "wget": wget,
    "whoami": whoami,
    "whoami-echo": whoami_echo,
    "whoami-plain": whoami_plain,
    "yes": yes,
}

#: What replaces the shell's own commands in containers with mounts, with files on this machine's disk, or of users.
MOUNTED: Mapping[str, Program] = {"rm": rm, "rmdir": rmdir, "tee": tee}

#: Programs that only those images have in whose file systems they are.
OWN = frozenset({*CLIENTS, "postgres-server", "python", "python3", "redis-cli", "redis-server", "registry"})

#: Programs that are real processes, and at home at a terminal.
REAL = frozenset({*CLIENTS, "python", "python3"})

#: What an image's entrypoint makes of its arguments: the command line that is run in the end.
ENTRYPOINTS: Mapping[str, Callable[[Sequence[str]], tuple[str, ...]]] = {
    "postgres-entrypoint": postgres_entrypoint,
    "redis-entrypoint": redis_entrypoint,
}

#: Those that call `Context.ready` once they listen; a container that runs one has started only then.
SERVERS = frozenset(
    {"nginx", "redis-server", "registry", "result-web", "visualizer", "vote-web", "whoami-echo", "whoami-plain"}
)

#: Processes of programs that name them themselves, the first one first: users that root makes them, and titles, in
#: which `{}` is the command line.
TITLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "nginx": (("", "nginx: master process {}"), ("nginx", "nginx: worker process")),
    "postgres-server": tuple(
        ("postgres", title)
        for title in (
            "postgres",
            "postgres: checkpointer ",
            "postgres: background writer ",
            "postgres: walwriter ",
            "postgres: autovacuum launcher ",
            "postgres: logical replication launcher ",
        )
    ),
    "redis-server": (("redis", "redis-server *:6379"),),
}

__all__ = ["ENTRYPOINTS", "MOUNTED", "OWN", "PROGRAMS", "REAL", "SERVERS", "TITLES"]
