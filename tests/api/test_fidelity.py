from pathlib import Path

from swarmlab.api import fidelity

DOCUMENT = Path(__file__).parents[2] / "docs" / "fidelity.md"


def test_the_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == "".join(f"{line}\n" for line in fidelity.lines())


def test_a_command_whose_main_call_is_refused_is_refused() -> None:
    assert fidelity.state_of("docker build", set()) == ("refused", "")


def test_a_command_that_lacks_a_minor_call_is_partial_and_says_which() -> None:
    assert fidelity.state_of("docker node ls", {"GET /nodes"}) == ("partial", "no `GET /info`")
