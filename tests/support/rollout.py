"""A service under update, and an agent that the test plays."""

from swarmlab.objects import ServiceSpec, Task, TaskState
from swarmlab.orchestrator import ReplicatedOrchestrator
from tests.support.specs import service_spec, update
from tests.support.world import World

S = TaskState


class Rollout:
    """A service whose tasks run, and an agent that the test plays: `stop` and `start` do what is asked of tasks."""

    def __init__(self, world: World, replicas: int = 4, *, rollback_action: str = "pause", **config: object) -> None:
        self.world = world
        self.rollback_config = update(action=rollback_action)
        self.config = update(**config)  # type: ignore[arg-type]
        self.replicas = replicas
        world.run(ReplicatedOrchestrator)
        world.service(self.spec("nginx:1"))
        world.run_all()

    def spec(self, image: str) -> ServiceSpec:
        return service_spec(
            replicas=self.replicas, image=image, update_config=self.config, rollback_config=self.rollback_config
        )

    def begin(self, image: str = "nginx:2") -> None:
        self.world.service(self.spec(image))

    def new(self, image: str = "nginx:2") -> list[Task]:
        return [t for t in self.world.tasks() if t.spec.container_spec and t.spec.container_spec.image == image]

    def old(self) -> list[Task]:
        return [t for t in self.world.wanted() if t not in self.new() and t.state == S.RUNNING]

    def stop(self) -> None:
        """Every task that shall stop does."""
        for task in self.world.tasks():
            if task.desired_state >= S.SHUTDOWN and not task.state.terminal:
                self.world.report(task, S.SHUTDOWN)

    def turn(self) -> list[Task]:
        """What shall stop stops, what shall run runs; return the tasks that began to."""
        self.stop()
        self.world.advance(0.01)
        begun = [t for t in self.new() if t.desired_state == S.RUNNING and t.state < S.RUNNING]
        for task in begun:
            self.world.report(task, S.RUNNING, node="n1")
        return begun

    @property
    def status(self) -> tuple[str, str]:
        status = self.world.of().update_status
        return (status.state, status.message) if status is not None else ("", "")

    def fail(self, state: TaskState = S.FAILED) -> Task:
        """The newest task of the update ends."""
        return self.world.report(self.new()[-1], state, node="n1")
