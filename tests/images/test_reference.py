import pytest

from swarmlab.images import parse_reference


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:alpine", "nginx:alpine"),
        ("library/nginx", "nginx:latest"),
        ("docker.io/nginx", "nginx:latest"),
        ("docker.io/library/nginx:1.25", "nginx:1.25"),
        ("index.docker.io/training/whoami", "training/whoami:latest"),
        ("example.org:5000/team/app:v1", "example.org:5000/team/app:v1"),
        ("localhost/app", "localhost/app:latest"),
        ("nginx@sha256:" + "a" * 64, "nginx:latest@sha256:" + "a" * 64),
    ],
)
def test_means(text: str, meaning: str) -> None:
    assert str(parse_reference(text)) == meaning


@pytest.mark.parametrize("text", ["", "Nginx", "nginx:", "nginx:a b", "-nginx", "a//b", "nginx@sha256:abc"])
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="invalid reference format"):
        parse_reference(text)
