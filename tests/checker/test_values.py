"""Values that mean the same, however they are written."""

import pytest

from checker.facts.blobs import EXECUTABLE, Given
from checker.values import says


@pytest.mark.parametrize(
    ("command", "wanted", "same"),
    [
        ("wget -qO- http://localhost/ || exit 1", "wget -qO - http://localhost", True),
        ("wget --quiet --output-document=- http://localhost:80", "wget -qO - http://localhost", True),
        ("curl http://localhost", "wget -qO - http://localhost", False),
        ("wget -qO - http://web", "wget -qO - http://localhost", False),
        ("gunicorn -b 0.0.0.0:8000 --workers 2 site.wsgi", "gunicorn site.wsgi:application --bind 0.0.0.0:8000", True),
        ("gunicorn site.wsgi --bind 127.0.0.1:8000", "gunicorn site.wsgi:application --bind 0.0.0.0:8000", False),
        ('sh -c "python3 manage.py migrate && python manage.py runserver"', "python manage.py runserver", True),
        ("none", "python manage.py runserver", False),
    ],
)
def test_a_command_says_what_another_one_says(command: str, wanted: str, *, same: bool) -> None:
    assert says(command, wanted) is same


@pytest.mark.parametrize(
    ("path", "mode", "fits"),
    [
        ("/etc/nginx/conf.d/default.conf", 0o755, [True, True]),
        ("/etc/nginx/conf.d/default.txt", 0o555, [False, True]),
        ("/etc/nginx/nginx.conf", 0o744, [False, False]),
    ],
)
def test_a_target_may_be_a_pattern_and_a_mode_executable(path: str, mode: int, fits: list[bool]) -> None:
    assert Given("site", "/etc/nginx/conf.d/*.conf", EXECUTABLE).fits(path, mode, "/") == fits
