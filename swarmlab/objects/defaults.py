"""What an absent setting of a service means (SK: api/defaults/service.go). Durations in nanoseconds."""

from swarmlab.clock import SECOND
from swarmlab.objects.service import RestartPolicy, UpdateConfig

STOP_GRACE_PERIOD = 10 * SECOND
RESTART_DELAY = 5 * SECOND
MONITOR = 5 * SECOND
RESTART = RestartPolicy(condition="any", delay=RESTART_DELAY)
UPDATE = UpdateConfig(parallelism=1, failure_action="pause", monitor=MONITOR, order="stop-first")
ROLLBACK = UPDATE
TASK_HISTORY_LIMIT = 5
