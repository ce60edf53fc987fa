"""Who goes where (SK: manager/scheduler/scheduler_test.go)."""

import msgspec

from swarmlab.objects import Placement, Task, TaskState
from swarmlab.scheduler import Scheduler
from swarmlab.store import Kind
from tests.support.placing import nodes, pending, placed, reason
from tests.support.specs import GLOBAL, host, service_spec
from tests.support.world import World

S = TaskState
replace = msgspec.structs.replace


# --- the loop --------------------------------------------------------------------------------------------------------


def test_a_task_is_assigned_fifty_milliseconds_after_it_turned_pending(scheduling: World) -> None:
    nodes(scheduling, 1)
    scheduling.advance(1)
    [task] = pending(scheduling, 1)
    scheduling.advance(0.049)
    assert scheduling.get(task).state == S.PENDING
    scheduling.advance(0.002)
    now = scheduling.get(task)
    assert (now.state, now.node_id, now.status.message) == (S.ASSIGNED, "n1", "scheduler assigned task to node")


def test_a_burst_of_commits_is_waited_for_but_no_longer_than_a_second(scheduling: World) -> None:
    nodes(scheduling, 1)
    scheduling.advance(1)
    for _ in range(20):
        pending(scheduling, 1)
        scheduling.advance(0.04)
    assert placed(scheduling) == {}
    for _ in range(7):
        pending(scheduling, 1)
        scheduling.advance(0.04)
    assert sum(placed(scheduling).values()) >= 20


def test_commits_of_anything_prolong_the_wait(scheduling: World) -> None:
    nodes(scheduling, 1)
    scheduling.advance(1)
    [task] = pending(scheduling, 1)
    scheduling.advance(0.04)
    scheduling.service(service_spec("other"))
    scheduling.advance(0.04)
    assert scheduling.get(task).state == S.PENDING
    scheduling.advance(0.011)
    assert scheduling.get(task).state == S.ASSIGNED


def test_commits_of_anything_begin_a_burst(scheduling: World) -> None:
    nodes(scheduling, 1)
    scheduling.advance(1)
    scheduling.cluster()
    for number in range(24):
        scheduling.advance(0.04)
        scheduling.service(service_spec(f"other-{number}"))
    scheduling.advance(0.02)
    [task] = pending(scheduling, 1)
    assert scheduling.get(task).state == S.PENDING
    scheduling.advance(0.03)
    scheduling.service(service_spec("last"))
    assert scheduling.get(task).state == S.ASSIGNED


def test_tasks_that_are_not_pending_yet_are_left_alone(scheduling: World) -> None:
    nodes(scheduling, 1)
    task = scheduling.task(scheduling.of(), state=S.NEW)
    scheduling.advance(5)
    assert scheduling.get(task).state == S.NEW


def test_what_waits_at_the_start_is_placed(world: World) -> None:
    nodes(world, 2)
    world.service(service_spec())
    pending(world, 4)
    world.run(Scheduler)
    assert placed(world) == {"n1": 2, "n2": 2}


def test_unassigned_tasks_that_are_not_wanted_are_ignored_at_the_start(world: World) -> None:
    nodes(world, 1)
    task = world.task(world.service(service_spec()), desired=S.SHUTDOWN)
    world.run(Scheduler)
    world.advance(5)
    assert world.get(task).state == S.PENDING


def test_a_task_that_is_ready_to_be_replaced_is_placed_too(scheduling: World) -> None:
    nodes(scheduling, 1)
    task = scheduling.task(scheduling.of(), desired=S.READY)
    scheduling.advance(1)
    assert scheduling.get(task).state == S.ASSIGNED


def test_placed_tasks_never_move(scheduling: World) -> None:
    nodes(scheduling, 1)
    pending(scheduling, 4)
    scheduling.advance(1)
    scheduling.node("n2")
    scheduling.advance(10)
    assert placed(scheduling) == {"n1": 4}


def test_a_stopped_scheduler_places_nothing(world: World) -> None:
    nodes(world, 1)
    loop = world.run(Scheduler)
    world.service(service_spec())
    pending(world, 1)
    loop.stop()
    world.advance(10)
    assert placed(world) == {}


# --- no suitable node ------------------------------------------------------------------------------------------------


def test_without_nodes_there_is_no_reason_in_detail(scheduling: World) -> None:
    [task] = pending(scheduling, 1)
    scheduling.advance(1)
    status = scheduling.get(task).status
    assert (status.state, status.message, status.err) == (S.PENDING, "pending task scheduling", "no suitable node")


def test_the_reason_is_in_the_error_and_goes_when_a_node_comes(scheduling: World) -> None:
    nodes(scheduling, 2, availability="drain")
    scheduling.node("n3", state="down")
    [task] = pending(scheduling, 1)
    scheduling.advance(1)
    assert reason(scheduling) == {"no suitable node (3 nodes not available for new tasks)"}
    scheduling.node("n2")
    scheduling.advance(1)
    now = scheduling.get(task)
    assert (now.state, now.node_id, now.status.err) == (S.ASSIGNED, "n2", "")


def test_the_same_reason_is_not_written_again(scheduling: World) -> None:
    nodes(scheduling, 1, availability="drain")
    [task] = pending(scheduling, 1)
    scheduling.advance(1)
    since = scheduling.get(task).status.timestamp
    scheduling.node("n1", availability="pause")
    scheduling.advance(10)
    assert scheduling.get(task).status.timestamp == since
    scheduling.node("n2", availability="drain")
    scheduling.advance(10)
    assert scheduling.get(task).status.timestamp > since
    assert reason(scheduling) == {"no suitable node (2 nodes not available for new tasks)"}


def test_reservations_fill_a_node_and_are_given_back_when_tasks_stop(scheduling: World) -> None:
    nodes(scheduling, 2, cpus=2)
    scheduling.service(service_spec("db", cpus=1))
    pending(scheduling, 5, "db")
    scheduling.advance(1)
    assert placed(scheduling, "db") == {"n1": 2, "n2": 2}
    assert reason(scheduling, "db") == {"no suitable node (insufficient resources on 2 nodes)"}
    done = next(t for t in scheduling.tasks("db") if t.node_id == "n2")
    scheduling.report(done, S.SHUTDOWN)
    scheduling.advance(1)
    assert reason(scheduling, "db") == set()
    assert placed(scheduling, "db") == {"n1": 2, "n2": 2}


def test_host_ports_keep_tasks_apart(scheduling: World) -> None:
    nodes(scheduling, 2)
    scheduling.service(service_spec("edge", ports=(host(80, 8080),)))
    pending(scheduling, 3, "edge")
    scheduling.advance(1)
    assert placed(scheduling, "edge") == {"n1": 1, "n2": 1}
    assert reason(scheduling, "edge") == {"no suitable node (host-mode port already in use on 2 nodes)"}


def test_max_replicas_per_node(scheduling: World) -> None:
    nodes(scheduling, 3)
    scheduling.service(service_spec("few", max_replicas=2))
    pending(scheduling, 8, "few")
    scheduling.advance(1)
    assert placed(scheduling, "few") == {"n1": 2, "n2": 2, "n3": 2}
    assert reason(scheduling, "few") == {"no suitable node (max replicas per node limit exceed)"}


def test_a_task_whose_service_is_gone_is_dropped(scheduling: World) -> None:
    [task] = pending(scheduling, 1)
    scheduling.delete(Kind.SERVICE, scheduling.of().id)
    scheduling.advance(1)
    assert scheduling.get(task).status.err == ""


def test_a_pending_task_of_an_older_spec_that_shall_stop_is_shut_down(scheduling: World) -> None:
    """Or a stop-first update would wait for it for ever."""
    nodes(scheduling, 1, availability="drain")
    [task] = pending(scheduling, 1)
    scheduling.advance(1)
    scheduling.service(service_spec(image="nginx:2"))
    with scheduling.change() as tx:
        tx.update(Kind.TASK, replace(scheduling.get(task), desired_state=S.SHUTDOWN))
    scheduling.advance(1)
    status = scheduling.get(task).status
    assert (status.state, status.err) == (S.SHUTDOWN, "")


def test_a_pending_task_of_an_older_spec_that_is_wanted_is_forgotten(scheduling: World) -> None:
    """Even a change of labels makes the spec newer. The task's reason stays as it was, and no node helps any more."""
    nodes(scheduling, 1, availability="drain")
    [task] = pending(scheduling, 1)
    scheduling.advance(1)
    scheduling.service(service_spec(labels={"a": "b"}))
    scheduling.node("n1", availability="pause")
    scheduling.advance(1)
    scheduling.node("n1")
    scheduling.advance(10)
    now = scheduling.get(task)
    assert (now.state, now.status.err) == (S.PENDING, "no suitable node (1 node not available for new tasks)")


def test_a_pending_task_of_an_older_spec_is_placed_if_a_node_suits_it_at_the_next_run(scheduling: World) -> None:
    nodes(scheduling, 1, availability="drain")
    pending(scheduling, 1)
    scheduling.advance(1)
    scheduling.service(service_spec(labels={"a": "b"}))
    scheduling.node("n1")
    scheduling.advance(1)
    assert placed(scheduling) == {"n1": 1}


# --- tasks that come with a node -------------------------------------------------------------------------------------


def preassigned(world: World, node: str, name: str = "agent") -> Task:
    return world.task(world.of(name), slot=0, node=node)


def test_a_preassigned_task_is_only_confirmed(scheduling: World) -> None:
    nodes(scheduling, 1)
    scheduling.service(service_spec("agent", GLOBAL))
    task = preassigned(scheduling, "n1")
    scheduling.advance(1)
    status = scheduling.get(task).status
    assert (status.state, status.message) == (
        S.ASSIGNED,
        "scheduler confirmed task can run on preassigned node",
    )


def test_a_preassigned_task_that_does_not_fit_has_the_reason_without_the_prefix(scheduling: World) -> None:
    nodes(scheduling, 1, cpus=1)
    scheduling.node("n2", cpus=9)
    scheduling.service(service_spec("agent", GLOBAL, cpus=2))
    task = preassigned(scheduling, "n1")
    scheduling.advance(1)
    status = scheduling.get(task).status
    assert (status.state, status.err) == (S.PENDING, "insufficient resources on 1 node")
    scheduling.node("n1", cpus=2)
    scheduling.advance(1)
    assert scheduling.get(task).state == S.ASSIGNED


def test_preassigned_tasks_go_first(world: World) -> None:
    nodes(world, 1, cpus=2)
    world.service(service_spec(cpus=2))
    world.service(service_spec("agent", GLOBAL, cpus=2))
    pending(world, 1)
    task = preassigned(world, "n1")
    world.run(Scheduler)
    assert world.get(task).state == S.ASSIGNED
    assert reason(world) == {"no suitable node (insufficient resources on 1 node)"}


def test_failures_of_preassigned_tasks_are_not_held_against_the_node(scheduling: World) -> None:
    nodes(scheduling, 2)
    scheduling.service(service_spec("agent", GLOBAL))
    scheduling.task(scheduling.of("agent"), slot=7, node="n2", state=S.RUNNING)
    for _ in range(6):
        task = preassigned(scheduling, "n1")
        scheduling.advance(1)
        scheduling.report(task, S.FAILED)
    one = scheduling.task(scheduling.of("agent"), slot=8)
    scheduling.advance(1)
    assert scheduling.get(one).node_id == "n1"


def test_a_preassigned_task_of_a_node_that_is_gone_waits(scheduling: World) -> None:
    scheduling.service(service_spec("agent", GLOBAL))
    task = preassigned(scheduling, "n1")
    scheduling.advance(1)
    assert scheduling.get(task).state == S.PENDING
    scheduling.node("n1")
    scheduling.advance(1)
    assert scheduling.get(task).state == S.ASSIGNED


def test_a_change_of_the_constraints_alone_is_seen_by_the_next_task(scheduling: World) -> None:
    nodes(scheduling, 2)
    scheduling.service(service_spec(constraints=("node.id == n2",)))
    pending(scheduling, 3)
    scheduling.advance(1)
    assert placed(scheduling) == {"n2": 3}
    assert scheduling.of().spec.task_template.placement == Placement(constraints=("node.id == n2",))
