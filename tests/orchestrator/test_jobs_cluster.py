"""Jobs in a whole swarm: what clients see of them, and what the other loops make of their tasks."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from swarmlab.manager.errors import StatusError
from swarmlab.objects import ServiceSpec, Task, TaskState
from swarmlab.objects.service import GlobalJob, ReplicatedJob, ServiceMode
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.specs import restart, service_spec
from tests.support.specs import update as update_config

S = TaskState
EVERYWHERE = ServiceMode(global_job=GlobalJob())
DAY = 24 * 3600.0


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of one node that is written down, and can crash."""
    with closing(Cluster(folder=tmp_path)) as cluster:
        yield cluster


def times(total: int, concurrent: int) -> ServiceMode:
    return ServiceMode(replicated_job=ReplicatedJob(max_concurrent=concurrent, total_completions=total))


def job_spec(mode: ServiceMode, **rest: object) -> ServiceSpec:
    return replace(service_spec("job", **rest), mode=mode)  # type: ignore[arg-type]


def live(cluster: Cluster) -> list[Task]:
    return [t for t in cluster.tasks("job") if t.state == S.RUNNING]


def numbers(cluster: Cluster) -> tuple[int, int, int]:
    """Running, desired, completed: `docker service ls` writes them R/D (C/T completed)."""
    service_id = cluster.service("job").id
    return tuple(cluster.api.service_statuses([service_id])[service_id])  # type: ignore[return-value]


def exit_all(cluster: Cluster, code: int = 0) -> None:
    for task in live(cluster):
        cluster.exit(task, code)
    cluster.settle()


def test_a_replicated_job_runs_so_many_at_a_time_until_all_completed() -> None:
    cluster = Cluster(2)
    cluster.create(job_spec(times(5, 2)))
    seen = []
    for _ in range(4):
        cluster.settle()
        seen.append(numbers(cluster))
        exit_all(cluster)
    assert seen == [(2, 2, 0), (2, 2, 2), (1, 2, 4), (0, 2, 5)]
    assert cluster.rows("job") == [(n, "complete", "complete") for n in range(5)]


def test_a_global_job_runs_once_on_every_node() -> None:
    cluster = Cluster(3)
    cluster.create(job_spec(EVERYWHERE))
    cluster.settle()
    assert numbers(cluster) == (3, 3, 0)
    assert {cluster.name_of(t) for t in live(cluster)} == {"n1", "n2", "n3"}
    exit_all(cluster)
    assert numbers(cluster) == (0, 0, 3)


def test_the_attempts_of_slot_0_are_remembered_when_the_control_plane_crashed(written: Cluster) -> None:
    """Slot 0 is a slot: its history is not that of the node on which the attempts were made."""
    cluster = written
    cluster.create(job_spec(times(1, 1), policy=restart("any", delay=0, attempts=2)))
    cluster.settle()
    exit_all(cluster, 1)
    cluster.crash()
    cluster.settle()
    exit_all(cluster, 1)
    cluster.advance(10)
    assert numbers(cluster) == (1, 1, 0)
    exit_all(cluster, 1)
    cluster.advance(60)
    assert cluster.rows("job") == [(0, "failed", "shutdown")] * 3


@pytest.mark.parametrize(("mode", "kept"), [(times(1, 1), 8), (EVERYWHERE, 1)])
def test_each_update_is_a_new_run_and_the_reaper_leaves_finished_tasks(mode: ServiceMode, kept: int) -> None:
    """Runs of a replicated job add up beyond the history limit of five; a global job keeps its last run only."""
    cluster = Cluster()
    cluster.create(job_spec(mode))
    cluster.settle()
    exit_all(cluster)
    for run in range(1, 8):
        cluster.force("job")
        cluster.settle()
        status = cluster.service("job").job_status
        assert status is not None
        assert (status.job_iteration, status.last_execution > cluster.service("job").created_at) == (run, True)
        assert numbers(cluster)[2] == 0
        exit_all(cluster)
        assert numbers(cluster)[2] == 1
    assert [row[1:] for row in cluster.rows("job")] == [("complete", "complete")] * kept


def test_an_update_ends_what_still_runs() -> None:
    cluster = Cluster()
    cluster.create(job_spec(times(4, 2)))
    cluster.settle()
    old = {t.id for t in live(cluster)}
    cluster.force("job")
    cluster.settle()
    assert len(live(cluster)) == 2
    assert not old & {t.id for t in cluster.tasks("job")}


def test_failures_delay_a_job_but_do_not_stop_it() -> None:
    cluster = Cluster()
    cluster.create(job_spec(times(2, 1), policy=restart(delay=2)))
    cluster.settle()
    for _ in range(3):
        exit_all(cluster, code=1)
        assert live(cluster) == []
        cluster.advance(2)
        cluster.settle()
    exit_all(cluster)
    exit_all(cluster)
    ends = [(slot, state) for slot, state, _ in cluster.rows("job")]
    assert ends == [(0, "complete"), *[(0, "failed")] * 3, (1, "complete")]


def test_removing_a_job_removes_its_tasks_the_finished_ones_too() -> None:
    cluster = Cluster()
    cluster.create(job_spec(times(3, 1)))
    cluster.settle()
    exit_all(cluster)
    cluster.remove("job")
    cluster.settle()
    assert list(cluster.store.tables.tasks) == []


# --- nodes -----------------------------------------------------------------------------------------------------------


def test_a_drained_node_keeps_its_tasks_of_a_replicated_job() -> None:
    cluster = Cluster(2)
    cluster.create(job_spec(times(3, 2)))
    cluster.settle()
    cluster.availability("n2", "drain")
    cluster.settle()
    assert sorted(cluster.name_of(t) for t in live(cluster)) == ["n1", "n2"]
    exit_all(cluster)
    assert [cluster.name_of(t) for t in live(cluster)] == ["n1"]


def test_a_global_job_leaves_a_drained_node_when_it_is_looked_at_next() -> None:
    cluster = Cluster(3)
    cluster.create(job_spec(EVERYWHERE))
    cluster.settle()
    cluster.availability("n2", "drain")
    cluster.settle()
    assert len(live(cluster)) == 3
    cluster.exit(next(t for t in live(cluster) if cluster.name_of(t) == "n3"))
    cluster.settle()
    ends = {cluster.name_of(t): (t.state, t.desired_state) for t in cluster.tasks("job")}
    assert ends == {"n1": (S.RUNNING, S.COMPLETE), "n2": (S.SHUTDOWN, S.SHUTDOWN), "n3": (S.COMPLETE, S.COMPLETE)}


def test_a_new_node_gets_a_global_jobs_task_when_the_job_is_looked_at_next() -> None:
    cluster = Cluster()
    cluster.create(job_spec(EVERYWHERE))
    cluster.settle()
    cluster.join("n2")
    cluster.advance(30)
    assert [cluster.name_of(t) for t in cluster.tasks("job")] == ["n1"]
    exit_all(cluster)
    assert [cluster.name_of(t) for t in live(cluster)] == ["n2"]


def test_a_lost_node_keeps_its_task_of_a_replicated_job_for_a_day() -> None:
    cluster = Cluster(2)
    cluster.create(job_spec(times(1, 1), constraints=("node.role==worker",)))
    cluster.settle()
    [task] = live(cluster)
    cluster.silence("n2")
    cluster.join("n3")
    cluster.advance(DAY - 60)
    assert [t.id for t in cluster.tasks("job")] == [task.id]
    cluster.advance(120)
    cluster.settle()
    assert sorted(cluster.rows("job")) == [(0, "orphaned", "shutdown"), (0, "running", "complete")]
    assert [cluster.name_of(t) for t in live(cluster)] == ["n3"]


def test_tasks_of_a_replicated_job_on_a_removed_node_are_replaced() -> None:
    cluster = Cluster(2)
    cluster.create(job_spec(times(1, 1), constraints=("node.role==worker",)))
    cluster.settle()
    cluster.silence("n2")
    cluster.join("n3")
    cluster.advance(30)
    cluster.api.remove_node(cluster.ids["n2"], force=True, actor=ACTOR)
    cluster.advance(10)
    assert [(t.state, cluster.name_of(t)) for t in live(cluster)] == [(S.RUNNING, "n3")]


def test_a_task_whose_node_no_longer_fits_moves_on() -> None:
    cluster = Cluster(3)
    for name in ("n2", "n3"):
        cluster.label(name, disk="ssd")
    cluster.create(job_spec(times(1, 1), constraints=("node.labels.disk==ssd",)))
    cluster.settle()
    [task] = live(cluster)
    before = cluster.name_of(task)
    cluster.label(before, disk="hdd")
    cluster.advance(10)
    assert {cluster.name_of(t) for t in live(cluster) if t.desired_state == S.COMPLETE} == {"n2", "n3"} - {before}


def test_a_job_goes_on_after_the_control_plane_crashed(written: Cluster) -> None:
    cluster = written
    cluster.join("n2")
    cluster.create(job_spec(times(4, 2), policy=restart(delay=3)))
    cluster.settle()
    one, other = live(cluster)
    cluster.exit(one)
    cluster.exit(other, 1)
    cluster.settle()
    cluster.crash()
    cluster.advance(10)
    assert numbers(cluster) == (2, 2, 1)
    exit_all(cluster)
    exit_all(cluster)
    assert numbers(cluster) == (0, 2, 4)
    assert sorted(t.slot for t in cluster.tasks("job") if t.state == S.COMPLETE) == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", [times(1, 1), EVERYWHERE])
def test_a_job_may_not_say_how_it_is_updated(mode: ServiceMode) -> None:
    cluster = Cluster()
    with pytest.raises(StatusError, match="Jobs may not have an update config"):
        cluster.create(job_spec(mode, update_config=update_config()))
    assert list(cluster.store.tables.services) == []
