"""What an engine says about its place in a swarm (MB: daemon/cluster/{errors,cluster,swarm}.go)."""

NO_SWARM = "This node is not part of a swarm"
EXISTS = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
NOT_MANAGER = "This node is not a swarm manager"
NOT_IN_SWARM = (
    f'{NOT_MANAGER}. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
)
WORKER = (
    f"{NOT_MANAGER}. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
PREPARED = f"{NOT_MANAGER}. Manager is being prepared or has trouble connecting to the cluster."
TIMEOUT = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. "
    'Use the "docker info" command to see the current swarm status of your node.'
)
TWO_MANAGERS = (
    "WARNING: Running Swarm in a two-manager configuration. This configuration provides\n"
    "         no fault tolerance, and poses a high risk to lose control over the cluster.\n"
    "         Refer to https://docs.docker.com/engine/swarm/admin_guide/ to configure the\n"
    "         Swarm for fault-tolerance."
)
LOCKED = (
    'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.'
)
CERTIFICATES_EXPIRED = "Swarm certificates have expired. To replace them, leave the swarm and join again."
LEAVE_LOCKED = "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
NOT_LOCKED = "swarm is not locked"
WRONG_KEY = "swarm could not be unlocked: invalid key provided"

_LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
_LAST = "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. "
_LOST = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. "
    "Use `--force` to suppress this message."
)


def leave_refusal(*, active: bool, reachable: int, unreachable: int) -> str:
    """Why a manager should not leave; `active` when it takes part in a quorum of so many members (0 if none knows)."""
    if not active:
        return f"{_LEAVING}Doing so may lose the consensus of your cluster. {_LOST}"
    if (reachable, unreachable) == (1, 0):
        return _LEAVING + _LAST
    if reachable and reachable - 2 <= unreachable:
        return (
            f"{_LEAVING}Removing this node leaves {reachable - 1} managers out of {reachable + unreachable}. "
            f"Without a Raft quorum your swarm will be inaccessible. {_LOST}"
        )
    return _LEAVING + _LOST


def not_called_back(address: str, why: str) -> str:
    """What a node says whose manager the leader does not reach at its address."""
    return (
        "manager stopped: can't initialize raft node: rpc error: code = Unknown desc = could not connect to "
        "prospective new cluster member using its advertised address: rpc error: code = Unavailable desc = "
        f'connection error: desc = "transport: Error while dialing dial tcp {address}: connect: {why}"'
    )


def refused(address: str) -> str:
    """What a node says that was told to join where nobody listens."""
    return (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing '
        f'dial tcp {address}: connect: connection refused"'
    )
