"""The flags of `docker service create` and `update` with values to try, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """A flag, the values that make sense somewhere, and those that an engine or the command has to refuse."""

    name: str
    good: tuple[str, ...]
    bad: tuple[str, ...] = ()
    #: How often it is given, in comparison with the others.
    weight: float = 1.0


def _flag(name: str, good: str, bad: str = "", weight: float = 1.0) -> Flag:
    return Flag(name, tuple(good.split()) or ("",), tuple(bad.split()), weight)


_DURATIONS = "0s 100ms 1s 2s", "-1s abc 10"
_COUNTS = "0 1 2 3", "-1 abc 1.5"

#: Flags that `create` and `update` both have. A duration is short, so that states settle while somebody waits.
COMMON = (
    _flag("limit-cpu", "0.5 1 0 0.01", "-1 abc 0.0000000001 99"),
    _flag("limit-memory", "64m 1g 0 6mb", "-1 4m abc 100k"),
    _flag("reserve-cpu", "0.1 0 99", "-1 x 1.0000000001"),
    _flag("reserve-memory", "10m 900g 0", "abc -1 1m"),
    _flag("limit-pids", "0 10 100", "-1 abc"),
    _flag("cap-add", "NET_ADMIN cap_net_admin", "bogus"),
    _flag("cap-drop", "NET_ADMIN CAP_CHOWN", "bogus"),
    _flag("restart-condition", "none any on-failure", "bogus always", 3),
    _flag("restart-delay", *_DURATIONS, 3),
    _flag("restart-max-attempts", *_COUNTS, 3),
    _flag("restart-window", "0s 5s 1m", "-1s abc", 2),
    _flag("stop-grace-period", "1s 2s", "-1s abc"),
    _flag("stop-signal", "SIGTERM 9 KILL TERM SIGQUIT", "bogus SIGBOGUS"),
    _flag("hostname", "h {{.Node.Hostname}} {{.Service.Name}}-{{.Task.Slot}}", "{{.Bogus}} 'x_y' 'x{{'"),
    _flag("user", "root 1000:1000", "nosuch root:nosuch"),
    _flag("workdir", "/tmp /nosuch", "rel"),
    _flag("tty", ""),
    _flag("read-only", ""),
    _flag("init", ""),
    _flag("isolation", "default", "process bogus"),
    Flag("health-cmd", ("'exit 0'", "true", "'exit 1'"), ("''",), 2),
    _flag("health-interval", "1s 2s 0s", "-1s abc 100us", 2),
    _flag("health-retries", "1 2 0", "-1 x", 2),
    _flag("health-start-period", "1s 0s", "-1s"),
    _flag("health-timeout", "1s 0s", "-1s"),
    _flag("no-healthcheck", ""),
    _flag("log-driver", "json-file none local", "bogus"),
    _flag("log-opt", "max-size=1m max-file=2", "bogus=1 max-size=abc x"),
    _flag("endpoint-mode", "vip dnsrr", "bogus", 2),
    _flag("replicas-max-per-node", "0 1 2", "-1 abc", 2),
    _flag("update-delay", *_DURATIONS, 2),
    _flag("update-parallelism", *_COUNTS, 3),
    _flag("update-failure-action", "pause continue rollback", "bogus", 3),
    _flag("update-max-failure-ratio", "0 0.5 1", "1.5 -1 abc", 2),
    _flag("update-monitor", "0s 1s 2s", "-1s abc", 3),
    _flag("update-order", "start-first stop-first", "bogus", 3),
    _flag("rollback-delay", *_DURATIONS),
    _flag("rollback-parallelism", *_COUNTS, 2),
    _flag("rollback-failure-action", "pause continue", "rollback bogus", 2),
    _flag("rollback-max-failure-ratio", "0 0.2", "2 -1"),
    _flag("rollback-monitor", "0s 1s", "-1s", 2),
    _flag("rollback-order", "start-first stop-first", "bogus", 2),
)

#: Flags that `create` has, and `update` with `-add` at the end.
ADDED = (
    Flag(
        "constraint",
        (
            "node.role==manager",
            "node.role!=manager",
            "node.labels.x==1",
            "node.labels.x!=1",
            "node.platform.os==linux",
            "node.hostname==$N1",
            "node.hostname!=$N1",
            "engine.labels.a==b",
            "node.ip==1.2.3.4",
        ),
        ("bogus", "node.bogus==1", "node.hostname==", "'node.id==x y'", "'node.role=manager'", "'==x'"),
        3,
    ),
    _flag(
        "placement-pref", "spread=node.labels.z spread=node.labels.x", "bogus spread= spread=node.bogus binpack=x", 2
    ),
    _flag("container-label", "a=b a a=", "=b"),
    _flag("label", "x=y x x= com.docker.z=1", "=b"),
    _flag("env", "A=1 A A= HOSTV T={{.Task.Slot}} B=x=y", "=1 X={{.Bogus}}", 2),
    _flag("dns", "8.8.8.8 ::1", "bogus"),
    _flag("dns-search", "x.y .", "bad_domain!"),
    _flag("dns-option", "ndots:1 x"),
    Flag("host", ("h:1.2.3.4", "h:::1"), ("h", "h:bogus", "'a b:1.1.1.1'")),
    _flag("group", "root 99", "nosuch"),
    _flag("sysctl", "net.core.somaxconn=1024", "bogus a=b"),
    _flag("ulimit", "nofile=1024 nofile=1024:2048", "nofile=20:10 bogus=1 nproc= x"),
    _flag("generic-resource", "gpu=1", "gpu=a bogus gpu=0"),
    _flag(
        "network",
        "n-1 n-2 name=n-1,alias=al name=n-2,driver-opt=x=y host",
        "nosuch bridge ingress none name=n-1,bogus=1 alias=x",
        3,
    ),
    _flag(
        "secret",
        "s-1 source=s-1,target=t source=s-2,target=/abs/x,mode=0400,uid=5,gid=6 s-1",
        "nosuch source=s-1,mode=abc target=x s-1,bogus=1 source=s-1,mode=999",
        2,
    ),
    _flag(
        "config",
        "c-1 source=c-1,target=/c source=c-2,target=rel,mode=0777 c-1",
        "nosuch source=c-1,uid=x c-1,c-2",
        2,
    ),
    _flag(
        "mount",
        "type=volume,source=v1,target=/d type=bind,source=/tmp,target=/d type=tmpfs,target=/t,tmpfs-size=1m"
        " type=volume,target=/d2 type=volume,source=v1,target=/d,volume-nocopy,readonly"
        " type=volume,source=v2,target=/e,volume-label=a=b type=tmpfs,target=/t,tmpfs-mode=700",
        "type=bind,source=/nosuch,target=/d type=bogus,target=/x source=v1 type=tmpfs,source=x,target=/t"
        " type=volume,source=v2,target=rel type=bind,source=rel,target=/x"
        " type=volume,source=v1,target=/d,volume-driver=bogus"
        " type=tmpfs,target=/t,tmpfs-mode=999 type=npipe,source=x,target=/y type=bind,target=/b"
        " type=bind,source=/tmp,target=/e,bind-propagation=bogus"
        " type=volume,source=v1,target=/d,bind-propagation=shared",
        3,
    ),
    _flag(
        "publish",
        "80 8080:80 8081:80/udp mode=host,target=80,published=8082 published=8080,target=81 8083-8084:80-81"
        " 8085-8086:80 target=80,protocol=sctp mode=host,target=81 8080:80/tcp",
        "bogus 1:2:3 127.0.0.1:80:80 target=80,mode=bogus 70000:80 target=80,published=8080,protocol=bogus published=80"
        " 8083-8085:80-81 0:0",
        4,
    ),
)

#: Flags of `create` only.
CREATED = (
    _flag("replicas", *_COUNTS, 6),
    _flag("mode", "global replicated replicated-job global-job", "bogus", 4),
    _flag("max-concurrent", "1 2", "0 -1"),
    _flag("env-file", "good.env", "bad.env nosuch.env"),
    _flag("with-registry-auth", ""),
    _flag("no-resolve-image", ""),
)

#: Flags of `update` only.
UPDATED = (
    _flag("replicas", *_COUNTS, 5),
    _flag("force", "", "", 4),
    _flag("image", "nginx:alpine alpine busybox:latest nginx:1.12-alpine nginx", "BAD! nosuch:1", 4),
    Flag("args", ("'sleep 100'", "''", "false", "true", "'sleep 0.5'"), ("x y",), 4),
    Flag("entrypoint", ("''", "'sh -c'"), ("nosuch",)),
    _flag("env-rm", "A Z"),
    _flag("label-rm", "x q"),
    _flag("container-label-rm", "a"),
    _flag("constraint-rm", "node.role==manager zzz node.labels.x==1", "", 2),
    _flag("publish-rm", "80 8080 81/udp target=80", "bogus 8080:80", 3),
    _flag("mount-rm", "/d /t /zz", "", 2),
    _flag("secret-rm", "s-1 nosuch", "", 2),
    _flag("config-rm", "c-1 nosuch", "", 2),
    _flag("network-rm", "n-1 n-2", "nosuch", 3),
    _flag("host-rm", "h:1.2.3.4 h zz"),
    _flag("dns-rm", "8.8.8.8", "zz"),
    _flag("dns-search-rm", "x.y"),
    _flag("dns-option-rm", "ndots:1"),
    _flag("placement-pref-rm", "spread=node.labels.z", "zz"),
    _flag("group-rm", "root"),
    _flag("ulimit-rm", "nofile"),
    _flag("sysctl-rm", "net.core.somaxconn"),
    _flag("generic-resource-rm", "gpu bogus"),
    _flag("max-concurrent", "1 2", "-1 x"),
    _flag("rollback", "", "", 2),
)
