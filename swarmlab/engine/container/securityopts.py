"""Options of security that a container may ask for (MB: daemon/daemon_unix.go; daemon/cluster/executor/container)."""

import base64
from collections.abc import Iterable, Iterator

from swarmlab.engine.errors import bad_request, internal
from swarmlab.objects.container import CredentialSpec, Privileges

_KNOWN = frozenset({"apparmor", "label", "no-new-privileges", "seccomp"})
_ALONE = frozenset({"disable", "no-new-privileges"})
_TRUTHS = frozenset({"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"})


def check_security_options(options: Iterable[str]) -> None:
    """Raise EngineError (500) for what is no option on Linux."""
    for option in options:
        if option in _ALONE:
            continue
        separator = "=" if "=" in option else ":"
        name, found, value = option.partition(separator)
        if not found:
            raise internal(f'invalid --security-opt 1: "{option}"')
        if name not in _KNOWN or (name == "no-new-privileges" and value not in _TRUTHS):
            raise internal(f'invalid --security-opt 2: "{option}"')


def check_credentials(credentials: CredentialSpec | None) -> None:
    """Raise EngineError (400) unless credentials come from just one place."""
    if credentials is None:
        return
    places = {"config": credentials.config, "file": credentials.file, "registry": credentials.registry}
    given = [f'"{name}"' for name, value in places.items() if value]
    if len(given) == 1:
        return
    if not given:
        problem = 'must either provide "file", "registry", or "config" for credential spec'
    else:
        named = " and ".join(given) if len(given) == 2 else f"{', '.join(given[:-1])}, and {given[-1]}"
        problem = f"cannot specify both {named} credential specs"
    raise bad_request(f"invalid CredentialSpec: {problem}")


def options_of(privileges: Privileges | None) -> Iterator[str]:
    """What a service's privileges are as options of its containers."""
    if privileges is None:
        return
    if (credentials := privileges.credential_spec) is not None:
        for name, value in (("file", credentials.file), ("registry", credentials.registry)):
            if value:
                yield f"credentialspec={name}://{value}"
        if credentials.config:
            yield f"credentialspec=config://{credentials.config}"
    if (selinux := privileges.selinux_context) is not None:
        if selinux.disable:
            yield "label=disable"
        fields = {"user": selinux.user, "role": selinux.role, "level": selinux.level, "type": selinux.type}
        yield from (f"label={name}:{value}" for name, value in fields.items() if value)
    if (seccomp := privileges.seccomp) is not None:
        if seccomp.mode == "unconfined":
            yield "seccomp=unconfined"
        elif seccomp.mode == "custom":
            yield f"seccomp={base64.b64decode(seccomp.profile).decode(errors='replace')}"
    if privileges.apparmor is not None and privileges.apparmor.mode == "disabled":
        yield "apparmor=unconfined"
    if privileges.no_new_privileges:
        yield "no-new-privileges=true"
