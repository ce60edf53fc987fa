"""Random lives of a whole swarm on virtual time, and what must hold in all of them.

SWARMLAB_THOROUGH=1 makes many more and longer ones.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from swarmlab.manager import StatusError
from swarmlab.objects import Resources, Service, ServiceMode, ServiceSpec, TaskState
from swarmlab.objects.generic import parse
from swarmlab.objects.service import GlobalJob, ReplicatedJob
from swarmlab.store import Kind
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.rules import Rules
from tests.support.specs import GLOBAL, host, ingress, restart, service_spec, update

S = TaskState
THOROUGH = bool(os.environ.get("SWARMLAB_THOROUGH"))
#: A time-out that strikes within a loop leaves a swarm in which nothing holds any more: many lives have more time.
pytestmark = pytest.mark.timeout(3600 if THOROUGH else 120)
NAMES = st.sampled_from(["a", "b", "c"])
NODES = st.sampled_from(["n1", "n2", "n3", "n4"])
SPECS = st.builds(
    service_spec,
    name=NAMES,
    replicas=st.sampled_from([GLOBAL, 0, 1, 2, 3, 5]),
    image=st.sampled_from(["nginx:1", "nginx:2", "broken:1"]),
    constraints=st.sampled_from([(), (), ("node.labels.disk == ssd",), ("node.role == worker",)]),
    max_replicas=st.sampled_from([0, 0, 0, 2]),
    cpus=st.sampled_from([0, 0, 1.5]),
    policy=st.sampled_from([None, restart("none"), restart("on-failure", 1), restart("any", 0, 2), restart("any", 8)]),
    update_config=st.sampled_from(
        [
            None,
            update(2, delay=1),
            update(0, action="rollback", monitor=2),
            update(1, action="continue"),
            update(1, order="start-first", monitor=1),
        ]
    ),
    rollback_config=st.sampled_from([None, update(2), update(1, order="start-first")]),
    ports=st.sampled_from([(), (), (ingress(80),), (host(80, 8080),)]),
    generic=st.sampled_from([(), (), ("gpu=1",), ("ssd=2", "gpu=1")]),
)
JOBS = st.builds(
    lambda name, mode, image, policy, constraints: replace(
        service_spec(name, image=image, policy=policy, constraints=constraints), mode=mode
    ),
    name=st.sampled_from(["job", "everywhere"]),
    mode=st.builds(
        lambda at_once, total: ServiceMode(
            replicated_job=ReplicatedJob(max_concurrent=at_once, total_completions=total)
        ),
        st.integers(1, 3),
        st.integers(1, 5),
    ),
    image=st.sampled_from(["nginx:1", "broken:1"]),
    policy=st.sampled_from([restart("none"), restart("on-failure", 1), restart("on-failure", 0, 2)]),
    constraints=st.sampled_from([(), (), ("node.labels.disk == ssd",)]),
)
#: What each node has.
OFFER = Resources(nano_cpus=4_000_000_000, memory_bytes=8 << 30, generic_resources=parse(["gpu=a", "gpu=b", "ssd=4"]))


class SwarmLife(RuleBasedStateMachine):
    """Three nodes to begin with; `broken` images fail when they start."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.rules = Rules()
        self.broken = False
        self.swarm = Cluster(3, folder=self.folder, resources=OFFER)
        self.break_images()
        self.swarm.settle()

    def break_images(self) -> None:
        self.swarm.fail("start", "no good", image="broken:1")

    @invariant()
    def every_transaction_obeys_the_rules(self) -> None:
        if hasattr(self, "swarm"):
            commits, self.swarm.commits = self.swarm.commits, []
            # What comes after a broken rule says nothing: the end is not looked at then.
            self.broken = True
            self.rules.check(commits)
            self.broken = False

    def known(self, name: str) -> bool:
        return bool(self.swarm.store.tables.services.by("name", name))

    # --- what clients do ---------------------------------------------------------------------------------------------

    @rule(spec=SPECS)
    def create_or_update(self, spec: ServiceSpec) -> None:
        if not self.known(spec.name):
            self.swarm.create(spec)
            return
        mode = self.swarm.service(spec.name).spec.mode
        self.swarm.update(replace(spec, mode=spec.mode if type(spec.mode) is type(mode) and same(spec, mode) else mode))

    @rule(spec=JOBS)
    def create_or_run_again(self, spec: ServiceSpec) -> None:
        if spec.name == "everywhere":
            spec = replace(spec, mode=ServiceMode(global_job=GlobalJob()))
        if self.known(spec.name):
            self.swarm.update(spec)
        else:
            self.swarm.create(spec)

    @rule(name=st.sampled_from(["job", "everywhere"]))
    def remove_a_job(self, name: str) -> None:
        if self.known(name):
            self.swarm.remove(name)

    @rule(name=NAMES, replicas=st.integers(0, 6))
    def scale(self, name: str, replicas: int) -> None:
        if self.known(name) and self.swarm.service(name).spec.mode.replicated is not None:
            self.swarm.scale(replicas, name)

    @rule(name=NAMES, what=st.sampled_from(["force", "nginx:1", "nginx:2", "broken:1", "rollback", "remove"]))
    def change(self, name: str, what: str) -> None:
        if not self.known(name):
            return
        if what == "force":
            self.swarm.force(name)
        elif what == "remove":
            self.swarm.remove(name)
        elif what != "rollback":
            self.swarm.image(what, name)
        elif self.swarm.service(name).previous_spec is not None:
            self.swarm.rollback(name)

    @rule(node=NODES, value=st.sampled_from(["active", "pause", "drain"]))
    def set_availability(self, node: str, value: str) -> None:
        if node in self.swarm.agents:
            self.swarm.availability(node, value)

    @rule(node=NODES, disk=st.sampled_from(["ssd", "hdd"]))
    def set_label(self, node: str, disk: str) -> None:
        if node in self.swarm.agents:
            self.swarm.label(node, disk=disk)

    # --- what happens ------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.03, 0.2, 0.5, 1.5, 6.0, 20.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.swarm.advance(seconds)

    @rule(node=st.sampled_from(["n2", "n3"]))
    def cut_off_or_reconnect(self, node: str) -> None:
        if node not in self.swarm.agents:
            return
        if node in self.swarm.silent:
            self.swarm.back(node)
        else:
            self.swarm.silence(node)

    @rule(number=st.integers(0, 9), code=st.sampled_from([0, 1]))
    def end_a_container(self, number: int, code: int) -> None:
        running = [(e, task) for e in self.swarm.executors.values() for task in e.running]
        if running:
            executor, task = running[number % len(running)]
            executor.exit(task, code)

    @precondition(lambda self: "n4" not in self.swarm.ids)
    @rule()
    def join(self) -> None:
        self.swarm.join("n4")
        self.break_images()

    @rule()
    def remove_a_node_that_is_down(self) -> None:
        if "n4" in self.swarm.agents:
            agent = self.swarm.agents["n4"]
            if "n4" not in self.swarm.silent:
                self.swarm.silence("n4")
                return
            try:
                self.swarm.api.remove_node(agent.node_id, force=False, actor=ACTOR)
            except StatusError:
                return
            agent.stop()
            del self.swarm.agents["n4"]

    @rule()
    def crash(self) -> None:
        """Nothing is lost: the store that comes back is the store that was."""
        self.every_transaction_obeys_the_rules()
        before = contents(self.swarm)
        self.rules.rollout.begin_anew()
        self.swarm.crash(before_it_lives=lambda: self.compare(before))

    def compare(self, before: object) -> None:
        assert contents(self.swarm) == before

    # --- in the end --------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """When all is well again and nothing changes any more, everything runs that should."""
        if not hasattr(self, "swarm"):
            return
        try:
            if self.broken:
                return
            self.heal()
            # Twice: a scale-down that meets slots whose attempts are used up removes too many, upstream too, until the
            # service changes again.
            self.renew()
            self.swarm.advance(400)
            self.renew()
            self.swarm.advance(400)
            self.every_transaction_obeys_the_rules()
            self.check_converged()
            running = self.running()
            self.swarm.crash()
            self.swarm.advance(100)
            self.every_transaction_obeys_the_rules()
            assert self.running() == running, "a restart of the managers touches no task that runs"
        finally:
            self.swarm.close()
            shutil.rmtree(self.folder)

    def heal(self) -> None:
        self.swarm.fail("start", "")
        for name in list(self.swarm.agents):
            if name in self.swarm.silent:
                self.swarm.back(name)
            self.swarm.label(name, disk="ssd")
            self.swarm.availability(name, "active")
        self.swarm.advance(100)

    def renew(self) -> None:
        """A fresh task for every slot, free to run anywhere."""
        for service in list(self.swarm.store.tables.services):
            spec = self.swarm.service(service.spec.name).spec
            template = replace(spec.task_template, force_update=spec.task_template.force_update + 1, resources=None)
            endpoint = replace(spec.endpoint_spec, ports=()) if spec.endpoint_spec is not None else None
            template = replace(template, placement=None)
            self.swarm.update(replace(spec, task_template=template, endpoint_spec=endpoint))

    def running(self) -> set[str]:
        tasks = self.swarm.store.tables.tasks
        return {task.id for task in tasks if task.state == task.desired_state == S.RUNNING}

    def check_converged(self) -> None:
        for service in self.swarm.store.tables.services:
            name = service.spec.name
            if service.is_job:
                self.check_job(service)
                continue
            running = self.swarm.running(name)
            wanted = [t for t in self.swarm.tasks(name) if t.desired_state <= S.RUNNING]
            assert len(running) == len(wanted), [(t.slot, t.state.text, t.desired_state.text) for t in wanted]
            if service.spec.mode.replicated is not None:
                assert len(running) == service.replicas
                assert len({t.slot for t in running}) == service.replicas
            else:
                assert {t.node_id for t in running} == {n.id for n in self.swarm.store.tables.nodes}
            assert all(t.spec == service.spec.task_template for t in running)
            status = service.update_status
            assert status is None or status.state == "completed", status
        tasks = self.swarm.store.tables.tasks
        assert all(task.service_id in self.swarm.store.tables.services for task in tasks)

    def check_job(self, service: Service) -> None:
        """As many run as may, until there are enough that have completed."""
        assert service.job_status is not None
        tasks = self.swarm.store.tables.tasks.by("service", service.id)
        now = [t for t in tasks if t.job_iteration == service.job_status.job_iteration]
        live = [t for t in tasks if t.state <= S.RUNNING]
        assert all(t.state == S.RUNNING and t.desired_state == S.COMPLETE and t in now for t in live)
        done = [t for t in now if t.state == S.COMPLETE]
        job = service.spec.mode.replicated_job
        if job is not None:
            total, at_once = job.total_completions or 0, job.max_concurrent or 0
            assert len(live) == min(at_once, total - len(done))
            assert len({t.slot for t in (*live, *done)}) == len(live) + len(done), "a slot for each completion"
        else:
            assert {t.node_id for t in (*live, *done)} == {n.id for n in self.swarm.store.tables.nodes}
            assert len(live) + len(done) == len(self.swarm.store.tables.nodes)


def same(spec: ServiceSpec, mode: object) -> bool:
    """Whether a spec has the same kind of mode; a service may not change it."""
    names = spec.mode.__struct_fields__
    return [getattr(spec.mode, n) is None for n in names] == [getattr(mode, n) is None for n in names]


def contents(swarm: Cluster) -> tuple[int, dict[Kind, dict[str, object]]]:
    return swarm.store.index, {kind: {o.id: o for o in swarm.store.tables.of(kind)} for kind in Kind}


TestSwarmLife = SwarmLife.TestCase
TestSwarmLife.settings = settings(
    max_examples=400 if THOROUGH else 25,
    stateful_step_count=60 if THOROUGH else 30,
    deadline=None,
    # The same lives every time, unless it is new ones that are looked for.
    derandomize=not THOROUGH,
    suppress_health_check=list(HealthCheck),
)
