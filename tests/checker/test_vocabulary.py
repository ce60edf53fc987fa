"""Each kind of condition and fact by itself, on small exercises."""

from pathlib import Path

from checker_story import Story

from checker.exercise import parse
from checker.grader import grade
from checker.history import History
from checker.result import Result, Verdict

HEAD = """
id: T1
title: A test
chapter: none
about: Nothing.
steps:
  - id: one
    title: One
    points: 4
    conditions:
"""


def judge(story: Story | Path, conditions: str) -> Result:
    """The result of one step with these conditions (YAML list items, indented by six)."""
    exercise, _ = parse(HEAD + conditions, "T1.yaml")
    with History(story.path if isinstance(story, Story) else story) as history:
        return grade(exercise, history)


def only(story: Story | Path, condition: str) -> Verdict:
    (verdict,) = judge(story, condition).steps[0].verdicts
    return verdict


def test_now_is_the_end(tmp_path: Path) -> None:
    active = "      - {check: now, why: w, facts: [{fact: node, which: every, availability: active}]}"
    with Story(tmp_path) as story:
        story.init()
        assert only(story, active).met
        story.drain()
        verdict = only(story, active)

    assert not verdict.met
    assert verdict.found == "at the end not every node had availability active (node-1 had availability drain)"


def test_ever_needs_all_at_once(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create(replicas=2, image="httpd")
        story.rm()
        story.create(replicas=1, image="nginx")
    verdict = only(
        story, "      - {check: ever, why: w, facts: [{fact: service, name: web, image: nginx, replicas: 2}]}"
    )

    assert not verdict.met
    assert verdict.found.startswith("not all at the same time; at the nearest moment (")
    assert ") web had 1 replica, not 2" in verdict.found


def test_sequence_goes_on_from_the_earliest_moment(tmp_path: Path) -> None:
    sequence = """
      - check: sequence
        why: w
        moments:
          - [{fact: service, name: web, running: 2}]
          - [{fact: node, availability: drain}]
          - [{fact: no-service, name: web}]
"""
    with Story(tmp_path) as story:
        story.init()
        story.drain()
        story.activate()
        story.create()
        early = only(story, sequence)
        story.drain()
        undone = only(story, sequence)
        story.rm()
        done = only(story, sequence)

    assert "after the swarm had service web with 2 tasks running (at " in early.found
    assert ", no node had availability drain" in early.found
    assert undone.found.endswith("service web was still there")
    assert done.met


def test_what_comes_in_between_begins_a_sequence_anew(tmp_path: Path) -> None:
    scaled = """
      - check: sequence
        why: w
        moments:
          - [{fact: service, name: web, replicas: 2}]
          - [{fact: service, name: web, replicas: 3}]
        without: [{fact: no-service, name: web}]
"""
    with Story(tmp_path) as story:
        story.init()
        story.create(replicas=2)
        story.rm()
        story.create(replicas=3)
        anew = only(story, scaled)
        story.rm()
        story.create(replicas=2)
        story.scale(3)

    assert "), web had 2 replicas, not 3; at " in anew.found
    assert anew.found.endswith(" the swarm had no service web, so it had to begin anew")
    assert anew.expected.endswith(", and never no service web in between")
    assert only(story, scaled).met


def test_either_of_two_ways(tmp_path: Path) -> None:
    either = """
      - check: ever
        why: w
        facts:
          - fact: either
            of: [{fact: service, name: web, image: "httpd:*", replicas: 2}, {fact: config, name: web}]
"""
    with Story(tmp_path) as story:
        story.init()
        nothing = only(story, either)
        story.create(replicas=1, image="httpd:2.4")
        nearest = only(story, either)
        story.scale(2)

    assert nothing.found == "there was no service web"
    assert nearest.found == "web had 1 replica, not 2"
    assert nearest.expected.endswith("either service web with image httpd of any tag, 2 replicas or config web")
    assert only(story, either).met


def test_asked_counts_only_what_fits(tmp_path: Path) -> None:
    asked = """
      - check: asked
        command: service ps
        of: web
        times: 2
        why: w
        facts: [{fact: service, name: web, running: 3}]
"""
    with Story(tmp_path) as story:
        story.init()
        story.create(name="other", published=81)
        story.create()
        story.service_ps()
        story.service_ps("other")
        few = only(story, asked)
        story.scale(3)
        story.service_ps()
        one = only(story, asked)
        story.service_ps()
        both = only(story, asked)

    assert few.found[12:] == "`docker service ps web` was asked, but web had no more than 2 running tasks"
    assert (one.met, both.met) == (False, True)
    assert "was asked 1 time while" in one.found


def test_asked_before(tmp_path: Path) -> None:
    asked = """
      - check: asked
        command: info
        why: w
        before: [{fact: node, availability: drain}]
        facts: [{fact: manager}]
"""
    with Story(tmp_path) as story:
        story.init()
        story.drain()
        story.info()
        late = only(story, asked)

    assert not late.met
    assert late.found == "`docker info` was asked, but never before the swarm had a node with availability drain"


def test_pending_without_a_reason_is_told(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create()
        story.drain()
    verdict = only(
        story, "      - {check: ever, why: w, facts: [{fact: service, name: web, waiting: 1, reason: no such thing}]}"
    )

    assert not verdict.met
    assert "no suitable node (1 node not available for new tasks)" in verdict.found


def test_weights_share_the_points(tmp_path: Path) -> None:
    conditions = """
      - {check: ever, why: w, weight: 3, facts: [{fact: manager}]}
      - {check: ever, why: w, weight: 1, facts: [{fact: node, availability: drain}]}
"""
    with Story(tmp_path) as story:
        story.init()
        step = judge(story, conditions).steps[0]

    assert (step.points, step.possible, step.full) == (3, 4, False)


def test_a_replacement_waits_before_its_predecessor_has_stopped(tmp_path: Path) -> None:
    waits = """
      - check: sequence
        why: w
        moments:
          - [{fact: service, name: web, waiting: 2, reason: no suitable node}]
          - [{fact: service, name: web, waiting: 2, reason: no suitable node, stopped: 1}]
          - [{fact: service, name: web, waiting: 2, reason: no suitable node, stopped: 2}]
"""
    with Story(tmp_path) as story:
        story.init()
        story.create()
        story.drain()
        assert only(story, waits).met
        story.activate()
        gone = only(
            story, "      - {check: now, why: w, facts: [{fact: service, name: web, waiting: 1, reason: none}]}"
        )

    assert gone.found == 'at the end web had no task pending with "none"'
