"""Both sides of exercise A1's gate: what must score, and what must not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from checker_story import A1_STEPS, SDK, Story

from checker import Result, check

#: The marks that depend on a step: without it these are lost, all others kept.
LOST = {
    "init": None,
    "node-ls": {"node-ls"},
    "info": {"info"},
    "create": None,
    "service-ls": {"service-ls"},
    "service-ps": {"service-ps"},
    "open": {"open"},
    "scale": {"scale", "service-ls-scaled", "drain"},
    "service-ls-scaled": {"service-ls-scaled"},
    "drain": {
        "drain", "service-ps-drained", "node-ls-drained", "rm", "active", "node-ls-active", "reachability", "ready",
    },
    "service-ps-drained": {"service-ps-drained"},
    "node-ls-drained": {"node-ls-drained"},
    "rm": {"rm"},
    "active": {"active", "node-ls-active", "reachability", "ready"},
    "node-ls-active": {"node-ls-active"},
    "reachability": {"ready"},
    "ready": {"ready"},
}  # fmt: skip


def graded(folder: Path, act: Callable[[Story], None], client: str | None = None) -> Result:
    """The result of a session."""
    with Story(folder, **({"client": client} if client else {})) as story:
        act(story)
    return check("A1", journal=story.path)


def play(story: Story, *, without: str = "") -> None:
    """The whole exercise, perhaps without one step."""
    for name, act in A1_STEPS.items():
        if name != without:
            act(story)


def missed(result: Result) -> set[str]:
    return {step.step.id for step in result.steps if not step.full}


def found(result: Result, step: str) -> str:
    return " | ".join(v.found for s in result.steps if s.step.id == step for v in s.verdicts if not v.met)


def test_the_steps_are_those_of_the_story() -> None:
    assert set(LOST) == set(A1_STEPS)


def test_doing_nothing_scores_nothing(tmp_path: Path) -> None:
    result = graded(tmp_path, lambda story: None)

    assert result.points == 0
    assert [step.step.id for step in result.steps] == list(A1_STEPS)
    assert all(step.points == 0 for step in result.steps)


def test_the_solution_scores_all(tmp_path: Path) -> None:
    result = graded(tmp_path, play)

    assert missed(result) == set()
    assert result.points == result.possible


def test_the_sdk_will_do(tmp_path: Path) -> None:
    assert missed(graded(tmp_path, play, client=SDK)) == set()


@pytest.mark.parametrize("step", [step for step, lost in LOST.items() if lost])
def test_a_skipped_step_is_missed(tmp_path: Path, step: str) -> None:
    assert missed(graded(tmp_path, lambda story: play(story, without=step))) == LOST[step]


def test_only_the_final_state(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(replicas=3)
        story.rm()
        story.inspect()
        story.inspect()

    result = graded(tmp_path, act)

    assert missed(result) == set(A1_STEPS) - {"init"}
    assert "web had 3 replicas, not 2" in found(result, "create")
    assert "`docker service ls` was never asked" in found(result, "service-ls-scaled")
    assert "no node had availability drain (node-1 had availability active)" in found(result, "active")


def test_created_with_three_is_not_scaled(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(replicas=3)
        story.service_ls()

    result = graded(tmp_path, act)

    assert {"scale", "service-ls-scaled"} <= missed(result)
    assert "never after" in found(result, "service-ls-scaled")


def test_scaling_that_never_runs_counts_in_part(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create()
        story.update(replicas=3)

    whole = graded(tmp_path, act)
    assert "scale" not in missed(whole)

    def stuck(story: Story) -> None:
        story.init()
        story.create(replicas=2, runs=False)

    folder = tmp_path / "stuck"
    folder.mkdir()
    result = graded(folder, stuck)
    create = next(step for step in result.steps if step.step.id == "create")
    assert 0 < create.points < create.possible
    assert "web had no running task" in found(result, "create")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"image": "httpd:latest"}, "web had image httpd:latest, not nginx"),
        ({"published": 8080}, "web published 8080 to 80, not 80 to 80"),
        ({"replicas": 1}, "web had 1 replica, not 2"),
        ({"name": "wbe"}, "there was no service web (only wbe)"),
    ],
)
def test_a_wrong_service_says_what_is_wrong(tmp_path: Path, arguments: dict[str, object], says: str) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(**arguments)  # type: ignore[arg-type]

    result = graded(tmp_path, act)

    assert "create" in missed(result)
    assert says in found(result, "create")


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:latest", "library/nginx", "docker.io/library/nginx:latest@sha256:1f"]
)
def test_spellings_of_the_image(tmp_path: Path, image: str) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(image=image)

    assert "create" not in missed(graded(tmp_path, act))


def test_mistakes_that_were_made_good_cost_nothing(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(image="ngnix", runs=False)
        story.rm()
        story.create(published=8080)
        story.service_ls()
        story.drain()
        story.activate()
        story.rm()
        for name, step in A1_STEPS.items():
            if name != "init":
                step(story)

    assert missed(graded(tmp_path, act)) == set()


def test_a_service_mended_in_place_counts(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create(image="httpd")
        story.update(image="nginx:latest")

    assert "create" not in missed(graded(tmp_path, act))


def test_a_second_swarm_adds_to_the_first(tmp_path: Path) -> None:
    names = list(A1_STEPS)

    def act(story: Story) -> None:
        for name in names[: names.index("drain")]:
            A1_STEPS[name](story)
        story.leave()
        story.init()
        story.create()
        story.scale(3)
        for name in names[names.index("drain") :]:
            A1_STEPS[name](story)

    assert missed(graded(tmp_path, act)) == set()


def test_a_left_swarm_cannot_be_asked(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create()
        story.leave()
        story.service_ls()

    assert "service-ls" in missed(graded(tmp_path, act))


def test_later_work_takes_nothing_away(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        play(story)
        story.create(image="httpd", published=81)
        story.drain()
        story.rm()
        story.leave()
        story.init()

    assert missed(graded(tmp_path, act)) == set()


def test_looking_too_early_is_told(tmp_path: Path) -> None:
    def act(story: Story) -> None:
        story.init()
        story.create()
        story.scale(3)
        story.service_ps()
        story.drain()

    assert "was asked, but no node had availability drain" in found(graded(tmp_path, act), "service-ps-drained")


def test_active_before_rm_is_no_mistake(tmp_path: Path) -> None:
    order = [name for name in A1_STEPS if name not in {"rm", "active"}]
    at = order.index("node-ls-active")
    order[at:at] = ["active", "rm"]

    def act(story: Story) -> None:
        for name in order:
            A1_STEPS[name](story)

    assert missed(graded(tmp_path, act)) == set()


def test_the_service_may_have_another_name(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create(name="site", published=8080)

    result = check("A1", journal=story.path, variables={"service": "site", "published": "8080"})

    assert "create" not in missed(result)
