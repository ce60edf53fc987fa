"""The flags of `docker run`, `create`, `exec` and `update` with values to try, as data."""

from tests.conformance.differential.flags import Flag

_BOOL = ("",)


def _flag(name: str, good: str = "", bad: str = "", weight: float = 1.0) -> Flag:
    """Values are separated by `|`."""
    return Flag(
        name,
        tuple(value.strip() for value in good.split("|")) or _BOOL,
        tuple(value.strip() for value in bad.split("|")) if bad else (),
        weight,
    )


#: Flags of `run` and `create`.
MADE = (
    _flag("env", "A=1 | B=a=b | HOSTV | UNSET | PATH=/x | 'C=x y' | EMPTY=", "=x | ''", 3),
    _flag("env-file", "good.env", "bad.env | nosuch.env", 1),
    _flag("workdir", "/tmp | /new/deep | /", "rel | /etc/passwd | /etc/passwd/x", 2),
    _flag("user", "root | 1000 | 1000:1000 | nobody | 0:0", "nosuch | root:nosuch | -1 | 99999999999 | a:b:c", 2),
    _flag("entrypoint", "echo | 'sh' | /bin/ls | ''", "nosuch | /etc | /etc/passwd", 2),
    _flag(
        "volume",
        "vol1:/d | vol2:/d | /anon | $PWD/dir:/d | $PWD/conf.txt:/etc/conf.txt | vol1:/d:ro | $PWD/dir:/d:ro"
        " | vol1:/etc | $PWD/new:/d | vol1:/d/sub | vol1:/d:nocopy | /tmp/../tmp:/t | vol1:/x/../d",
        "rel:/d:bogus | vol1:rel | /d:/ | vol1:/ | a:b:c:d | '' | : | 'bad name:/d' | $PWD/conf.txt:/d/ | vol1:/d:ro,rw"
        " | $PWD/dir:/etc/passwd | ./dir:/d:xx | x:/d",
        4,
    ),
    _flag(
        "mount",
        "type=volume,source=vol1,target=/d | type=bind,source=$PWD/dir,target=/d | type=tmpfs,target=/t,tmpfs-size=1m"
        " | type=volume,target=/d2 | type=volume,source=vol1,target=/d,volume-nocopy,readonly | target=/q"
        " | type=volume,source=vol3,target=/e,volume-label=a=b | type=tmpfs,target=/t,tmpfs-mode=700 | dst=/d,src=vol1"
        " | type=bind,source=$PWD/conf.txt,target=/c.txt,readonly | type=bind,src=$PWD,dst=/w,bind-propagation=private",
        "type=bind,source=/nosuch,target=/d | type=bogus,target=/x | source=v1 | type=tmpfs,source=x,target=/t"
        " | type=volume,source=vol2,target=rel | type=bind,source=rel,target=/x | type=bind,target=/b | x"
        " | type=volume,source=vol2,target=/d,volume-driver=bogus | type=tmpfs,target=/t,tmpfs-mode=999"
        " | type=volume,target=/d,bogus=1 | type=tmpfs,target=/ | type=volume,source='a b',target=/d"
        " | type=tmpfs,target=/t,volume-nocopy",
        2,
    ),
    _flag("tmpfs", "/t | /t:size=1m | /t:ro | /t:size=64k,mode=700 | /run", "rel | /t:bogus=1 | /t:size=abc | ''"),
    _flag(
        "publish",
        "80 | 18731:80 | 18732:80/udp | 127.0.0.1:18733:80 | 18734-18735:80-81 | 127.0.0.1::80 | 18736:80/tcp",
        "bogus | 1:2:3:4 | 70000:80 | 80:80/bogus | 18731-18733:80-81 | -1:80 | x.y:80:80 | 80:",
        2,
    ),
    _flag("publish-all"),
    _flag("expose", "81 | 90-92 | 53/udp | 80", "bogus | 90-80 | 70000", 1),
    _flag(
        "network",
        "net1 | net2 | none | host | bridge | container:one",
        "nosuch | container:nosuch | container: | ''",
        3,
    ),
    _flag("network-alias", "al | al2", "''"),
    _flag("ip", "172.30.0.77", "1.2.3 | 172.30.0.1 | 10.1.1.1 | ::1"),
    _flag(
        "hostname",
        "h | h.example | H-1",
        "'a b' | -h | h_x | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    _flag("domainname", "d.example"),
    _flag("add-host", "h:1.2.3.4 | gw:host-gateway | h6:::1", "h | h:x | :1.2.3.4"),
    _flag("dns", "8.8.8.8", "x | 1.2.3"),
    _flag("dns-search", "x.y | ."),
    _flag("dns-option", "ndots:1"),
    _flag("label", "a=b | c | d.e=f=g", "=x | ''", 2),
    _flag("label-file", "good.env", "nosuch.env"),
    _flag(
        "health-cmd",
        "true | 'test -e /nosuch' | 'echo fine' | 'echo bad; exit 3' --health-retries=1 | nosuch --health-retries=2",
        "'' --health-interval=1s",
        2,
    ),
    _flag("no-healthcheck"),
    _flag("health-interval", "400ms", "-1s | abc | 1us | 5"),
    _flag("health-timeout", "1s", "1us | -1s"),
    _flag("health-start-period", "300ms", "-1s | 1us"),
    _flag("health-retries", "1 | 2", "-1 | x"),
    _flag(
        "restart",
        "no | always | on-failure:2 | on-failure | unless-stopped",
        "bogus | on-failure:x | always:3 | on-failure:-1 | no:1",
    ),
    _flag("memory", "64m | 1g | 6m", "4m | abc | -1 | 100k", 1),
    _flag("memory-reservation", "32m", "1k | 900m --memory=64m"),
    _flag("memory-swap", "-1 --memory=64m | 128m --memory=64m", "64m | 32m --memory=64m"),
    _flag("cpus", "0.5 | 1 | 0.01", "-1 | abc | 999 | 0.001 | 1 --cpu-quota=1000"),
    _flag("cpu-shares", "512 | 2", "1 | -1 | x"),
    _flag("cpuset-cpus", "0 | 0-1", "99 | x | 1-0"),
    _flag("pids-limit", "10 | -1 | 100", "x | -5"),
    _flag("ulimit", "nofile=100 | nofile=100:200 | nproc=64", "bogus=1 | nofile=x | nofile=200:100 | nofile"),
    _flag("read-only", "", "", 1),
    _flag("stop-signal", "SIGINT | 9 | KILL | QUIT", "bogus | 99 | -1"),
    _flag("stop-timeout", "0 | 1", "x"),
    _flag(
        "log-opt",
        "max-size=1k | max-file=2 | tag={{.Name}} | labels=a | env=A",
        "bogus=1 | max-size=x | max-file=0 | tag={{.Bogus}}",
    ),
    _flag("log-driver", "json-file | none | local", "bogus | gelf"),
    _flag("init"),
    _flag("cidfile", "cid.$RANDOM", "conf.txt"),
    # Not all of them: a machine's kernel refuses what it does not have.
    _flag("cap-add", "NET_ADMIN | cap_chown", "bogus"),
    _flag("cap-drop", "CHOWN | ALL", "bogus"),
    _flag("security-opt", "no-new-privileges", "bogus | seccomp=nosuch | label"),
    _flag("sysctl", "net.core.somaxconn=512 | net.ipv4.ip_forward=1", "bogus | kernel.bogus=1 | x=y"),
    _flag("shm-size", "1m", "x | -1"),
    _flag("group-add", "99 | tty", "nosuch"),
    _flag("volumes-from", "one | two:ro", "nosuch | one:bogus"),
    _flag("link", "one | two:db", "nosuch | a:b:c"),
    _flag("oom-score-adj", "100", "2000 | x"),
    _flag("pid", "host | container:one", "bogus | container:nosuch"),
    _flag("ipc", "host | private | shareable", "container:nosuch"),
    _flag("uts", "host", "bogus"),
    _flag("userns", "host", "bogus"),
    _flag("device", "/dev/null:/dev/x:r", "/dev/nosuch | /dev/null:/dev/x:q"),
    _flag("isolation", "default", "bogus"),
    _flag("runtime", "runc", "bogus"),
    _flag("pull", "never | missing", "bogus"),
    _flag("mac-address", "02:42:ac:11:00:77", "x"),
)

#: Flags of `exec`.
EXECUTED = (
    _flag("env", "A=1 | HOSTV | UNSET | 'C=x y'", "=x", 3),
    _flag("env-file", "good.env", "bad.env | nosuch.env"),
    _flag("workdir", "/tmp | /", "rel | /nosuch | /etc/passwd", 3),
    _flag("user", "root | 1000 | nobody | 0:0 | 12:34", "nosuch | root:nosuch | -1", 3),
    _flag("interactive"),
    _flag("detach", "", "", 1),
    _flag("tty", "", "", 1),
)

#: Flags of `update`.
CHANGED = (
    _flag("memory", "64m | 128m --memory-swap=256m", "4m | abc | 1k", 2),
    _flag("memory-reservation", "10m", "1k"),
    _flag("cpus", "0.5 | 1", "-1 | abc | 999", 2),
    _flag("cpu-shares", "512", "1 | x"),
    _flag("cpuset-cpus", "0", "99 | x"),
    _flag("pids-limit", "20 | -1", "x"),
    _flag("restart", "no | always | on-failure:3 | unless-stopped", "bogus | on-failure:x | no:2", 3),
)
