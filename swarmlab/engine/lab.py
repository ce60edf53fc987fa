"""All engines of a lab and the swarms they form, on one journal."""

import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from swarmlab.clock import Clock
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.engine import CONTAINERS_FOLDER, VOLUMES_FOLDER, DockerEngine, NetworkService
from swarmlab.engine.hollow import HollowFleet
from swarmlab.engine.network import gossip
from swarmlab.engine.reach import Reach
from swarmlab.engine.settings import NO_SETTINGS, EngineSettings
from swarmlab.engine.swarm.description import describe
from swarmlab.engine.task.executor import ContainerExecutor
from swarmlab.engine.task.pace import REAL_PACE, Pace
from swarmlab.images import Catalogue
from swarmlab.journal import Journal, Request
from swarmlab.manager import DEFAULT_POOLS, FirstNode, LeaderAwaitedError, Swarm, create_swarm
from swarmlab.network import Fabric, Mesh, NodeAddress, Outside, Published
from swarmlab.objects import NodeDescription, Service, TLSInfo, new_id
from swarmlab.objects.requests import InitRequest
from swarmlab.runtime.controller import Executor
from swarmlab.runtime.hollow import HollowExecutor
from swarmlab.runtime.virtual import Quota, Roots
from swarmlab.store import Actor, Commit, Store

_ENGINE_SCOPE = "engine:"
#: Seconds until the other nodes notice that one has lost its power (memberlist: a probe a second, four of suspicion).
NODE_LOSS_NOTICED = 5.0
Action = Literal["stop", "kill", "start"]


class Lab:
    """The engines, and what lies between them: swarms and their routing meshes.

    There is an engine for each address. In a hollow lab containers do nothing, and there may be more nodes than
    engines: the others become workers of the first engine's swarm as soon as it has one.
    """

    def __init__(
        self,
        *,
        name: str,
        nodes: int,
        clock: Clock,
        journal: Journal,
        state_dir: Path,
        addresses: list[str],
        hollow: bool = False,
        settings: Mapping[str, EngineSettings] | None = None,
        pace: Pace = REAL_PACE,
        outside: Outside | None = None,
    ) -> None:
        """`settings` are those of the nodes that have any, by name; `pace` is that of all engines.

        `outside` is what containers meet beyond the lab, by default nothing.
        """
        self.name = name
        self.engines: dict[str, DockerEngine] = {}
        self._clock = clock
        self._journal = journal
        self._state = state_dir
        self._addresses = {f"node-{number}": address for number, address in enumerate(addresses[:nodes], 1)}
        self._hollow = hollow
        self._settings = settings or {}
        self._pace = pace
        self._fleet = HollowFleet(clock, range(len(self._addresses) + 1, nodes + 1), self._settings)
        self._catalogue = Catalogue.bundled()
        self._swarms: dict[str, Swarm] = {}
        self._meshes: dict[str, Mesh] = {}
        #: The engines of nodes that are in a mesh, by node id.
        self._hosts: dict[str, DockerEngine] = {}
        self._stores: dict[str, Store] = {}
        self._recording = True
        self._outside = outside
        self.reach = Reach(self.engines, self._meshes)
        self.fabric = Fabric(self.reach, outside)
        self.roots = Roots(state_dir / "roots")
        self.quota = Quota((state_dir / VOLUMES_FOLDER, state_dir / CONTAINERS_FOLDER))

    # --- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Restore everything from the journal and go on; tasks that were running run again, as the same containers."""
        self.fabric = Fabric(self.reach, self._outside)
        if not self._hollow:
            self._journal.tells_of_ports()
        for name, address in self._addresses.items():
            self.engines[name] = DockerEngine(
                name,
                address,
                self._store(_ENGINE_SCOPE + name),
                self._clock,
                self._catalogue,
                self._state,
                self,
                self._settings.get(name, NO_SETTINGS),
            )
        members = {e.cluster.membership.swarm for e in self.engines.values() if e.cluster.membership is not None}
        for swarm_id in sorted(members):
            self._adopt(self._store(swarm_id))
        for engine in self.engines.values():
            engine.answers.begin()
            if engine.power == "on":
                await engine.placement.open(engine.address)
                engine.cluster.resume()
        for swarm_id, swarm in self._swarms.items():
            swarm.raft.resume(self._journal.meta(f"leader:{swarm_id}"))
        for engine in self.engines.values():
            if engine.power == "on":
                # Now that containers find the swarm whose networks they may be on.
                engine.containers.recover()

    async def stop(self) -> None:
        """End all containers' processes. The journal keeps them as running, so that `start` goes on with them."""
        self._fleet.stop()
        for engine in self.engines.values():
            engine.answers.close()
            engine.cluster.stop()
            engine.containers.power_lost()
        for swarm in self._swarms.values():
            swarm.close()
        for engine in self.engines.values():
            await engine.runtime.close()
            await engine.placement.mesh.close()
        for mesh in self._meshes.values():
            await mesh.close()
        if self._recording:
            for store in self._stores.values():
                self._journal.snapshot(store)
        self.engines.clear()
        self._swarms.clear()
        self._meshes.clear()
        self._hosts.clear()
        self._stores.clear()

    async def reset(self, journal: Journal) -> None:
        """Begin anew on an empty journal; the old one is closed already, so what ends now is written nowhere."""
        self._recording = False
        await self.stop()
        shutil.rmtree(self._state / VOLUMES_FOLDER, ignore_errors=True)
        self._journal = journal
        self._recording = True
        await self.start()

    async def power(self, node: str, action: Action) -> None:
        """Shut a node down in good order, cut its power, or start it again. Raises KeyError for an unknown node."""
        engine = self.engines[node]
        if action == "start":
            if engine.power == "on":
                return
            self.fabric.give_up(node)
            engine.set_power("on")
            await engine.placement.open(engine.address)
            engine.containers.boot()
            engine.cluster.boot()
            return
        if engine.power != "on":
            return
        engine.cluster.power_off()
        await self._leave_meshes(engine, abruptly=action == "kill")
        if action == "stop":
            await engine.containers.shut_down()
        await engine.placement.close()
        engine.containers.power_lost()
        engine.wiring.power_lost(abruptly=action == "kill")
        engine.networks.switched_on()
        engine.attachments.power_lost()
        await engine.runtime.close()
        engine.set_power("stopped" if action == "stop" else "killed")
        if action == "kill":
            self._clock.call_later(NODE_LOSS_NOTICED, lambda: self.fabric.give_up(node))

    def partition(self, nodes: Collection[str]) -> None:
        """Cut these nodes off from all others; they reach each other. Raises KeyError for an unknown node."""
        engines = [self.engines[node] for node in nodes]
        side = max(engine.side for engine in self.engines.values()) + 1
        self._set_sides(dict.fromkeys((engine.name for engine in engines), side))

    def heal(self) -> None:
        """Let all nodes reach each other again."""
        self._set_sides(dict.fromkeys(self.engines, 0))

    def _set_sides(self, sides: Mapping[str, int]) -> None:
        for name, side in sides.items():
            if self.engines[name].side != side:
                self.engines[name].set_side(side)
        for swarm in self._swarms.values():
            self.connect(swarm)

    def published(self) -> list[Published]:
        """Where each published port of each node can really be reached."""
        meshes = [*self._meshes.values(), *(engine.placement.mesh for engine in self.engines.values())]
        return [entry for mesh in meshes for entry in mesh.published()]

    def service_name(self, service_id: str) -> str:
        """A service's name; its id when it is gone."""
        for swarm in self._swarms.values():
            service = swarm.store.tables.services.get(service_id)
            if service is not None:
                return service.spec.name
        return service_id

    # --- what engines need of each other (`Swarms`) ----------------------------------------------------------------

    def create(self, first: FirstNode, request: InitRequest, actor: Actor) -> Swarm:
        """See `Swarms`."""
        swarm_id = new_id()
        store = self._store(swarm_id)
        create_swarm(
            store,
            first,
            request.spec,
            pools=DEFAULT_POOLS if request.default_addr_pool is None else request.default_addr_pool,
            # Without pools of one's own their size means nothing either.
            subnet_size=0 if request.default_addr_pool is None else request.subnet_size,
            data_path_port=request.data_path_port,
            cluster_id=swarm_id,
            actor=actor,
        )
        return self._adopt(store)

    def get(self, swarm_id: str) -> Swarm | None:
        """See `Swarms`."""
        return self._swarms.get(swarm_id)

    def at(self, address: str, engine: str) -> Swarm | None:
        """See `Swarms`."""
        for other in self.reach.of(engine):
            member = other.cluster.membership
            if member is None:
                continue
            if address in {member.advertise_addr, f"{other.address}:2377"}:
                swarm = self._swarms.get(member.swarm)
                if swarm is None or not swarm.raft.is_member(member.node_id):
                    continue
                with suppress(LeaderAwaitedError):
                    swarm.control_at(member.node_id)
                    return swarm
        return None

    def refuses(self, address: str, engine: str) -> bool:
        """See `Swarms`."""
        return self.reach.refuses(address, engine)

    def unreached(self, address: str, engine: str) -> str:
        """See `Swarms`."""
        return self.reach.unreached(address, engine)

    def connect(self, swarm: Swarm) -> None:
        """See `Swarms`."""
        members = ((engine.cluster.membership, engine.side) for engine in self.engines.values())
        sides = {m.node_id: side for m, side in members if m is not None and m.swarm == swarm.id}
        swarm.raft.separate(sides)
        self._mesh(swarm).separate(sides)

    def executor(self, swarm: Swarm, engine: str, tls: Callable[[], TLSInfo]) -> Executor:
        """See `Swarms`."""
        docker = self.engines[engine]

        def description() -> NodeDescription:
            return describe(engine, tls(), docker.settings)

        if self._hollow:
            return HollowExecutor(engine, describe=description)
        return ContainerExecutor(
            self._clock,
            docker.containers,
            docker.images,
            self._mesh(swarm),
            self.fabric,
            lambda node_id: self._entrance(swarm, node_id),
            docker.overlays,
            description,
            self._pace,
        )

    def containers(self, swarm: Swarm, node_id: str, engine: str) -> Containers | None:
        """See `Neighbours`."""
        for other in self.reach.of(engine):
            member = other.cluster.membership
            if member is not None and (member.swarm, member.node_id) == (swarm.id, node_id):
                return other.containers
        return None

    def peers(self, network_id: str, engine: str) -> list[tuple[str, str]]:
        """See `Swarms`."""
        return gossip.peers(network_id, self.reach.of(engine))

    def services(self, network_id: str, engine: str) -> Mapping[str, NetworkService]:
        """See `Neighbours`."""

        def service(swarm_id: str, service_id: str) -> Service | None:
            swarm = self._swarms.get(swarm_id)
            return swarm.store.tables.services.get(service_id) if swarm is not None else None

        heard = {other.name: other for other in self.reach.of(engine)}
        return gossip.services(network_id, heard, self.fabric.room.present(network_id), service)

    async def joined(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """See `Swarms`."""
        self._hosts[node_id] = self.engines[engine]
        await self._mesh(swarm).join(node_id, NodeAddress(self.engines[engine].address))
        if engine == next(iter(self.engines)):
            self._fleet.join(swarm)

    async def left(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """See `Swarms`."""
        docker = self.engines[engine]
        for container in docker.containers.list(all=True):
            if container.task_id:
                self._mesh(swarm).deactivate(container.task_id)
                await docker.containers.remove(container.id, volumes=True)
        await self._mesh(swarm).leave(node_id)
        members = (e.cluster.membership for e in self.engines.values())
        if not any(member is not None and member.swarm == swarm.id for member in members):
            self._fleet.leave(swarm)
            swarm.close()
            self._swarms.pop(swarm.id, None)
            mesh = self._meshes.pop(swarm.id, None)
            if mesh is not None:
                await mesh.close()

    # --- the routing mesh ------------------------------------------------------------------------------------------

    def note_connection(self, node_id: str, port: int) -> None:
        """Someone opened a published port: a request like any other, so that a checker can tell."""
        engine = next(
            (e.name for e in self.engines.values() if (m := e.cluster.membership) is not None and m.node_id == node_id),
            "",
        )
        if self._recording:
            request = Request(engine, "CONNECT", f"/published/{port}", "", 200, "routing-mesh")
            self._journal.request(self._clock.now(), request)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _store(self, scope: str) -> Store:
        store = Store(self._clock, scope, self._append)
        self._journal.restore(store)
        if self._journal.snapshot_due(scope):
            # A lab that only ever crashes would otherwise take longer to start each time.
            self._journal.snapshot(store)
        self._stores[scope] = store
        return store

    def _append(self, commit: Commit) -> None:
        if self._recording:
            self._journal.append(commit)

    def _adopt(self, store: Store) -> Swarm:
        """A swarm on its store; who leads it is remembered for the next start of the lab."""
        swarm = self._swarms[store.scope] = Swarm(store, self._clock)
        swarm.on_leader(lambda: self._journal.set_meta(f"leader:{swarm.id}", swarm.raft.leader or ""))
        return swarm

    def _mesh(self, swarm: Swarm) -> Mesh:
        mesh = self._meshes.get(swarm.id)
        if mesh is None:
            mesh = self._meshes[swarm.id] = Mesh(
                self.note_connection,
                lambda node_id, port, answers: self._hosts[node_id].answers.note(port, answers),
            )
        return mesh

    @staticmethod
    def _entrance(swarm: Swarm, node_id: str) -> str:
        """The address of a node's load balancer on the ingress network."""
        node = swarm.store.tables.nodes.get(node_id)
        ingress = next((n.id for n in swarm.store.tables.networks if n.spec.ingress), "")
        return node.attachments.get(ingress, "").partition("/")[0] if node is not None else ""

    async def _leave_meshes(self, engine: DockerEngine, *, abruptly: bool) -> None:
        member = engine.cluster.membership
        if member is None or member.swarm not in self._meshes:
            return
        mesh = self._meshes[member.swarm]
        if not abruptly:
            for container in engine.containers.list(all=False):
                mesh.deactivate(container.task_id)
            await mesh.leave(member.node_id)
            return
        await mesh.lose(member.node_id)
        self._clock.call_later(NODE_LOSS_NOTICED, lambda: mesh.give_up(member.node_id))
