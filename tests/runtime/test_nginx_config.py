from pathlib import Path

import pytest

from swarmlab.images import Catalogue
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.roots import Roots
from swarmlab.runtime.virtual.nginx.config import ConfigError, Plan, listen_port, plan
from swarmlab.runtime.virtual.nginx.templates import fill_templates

NGINX = Catalogue().find("nginx")
assert NGINX is not None


def planned(tmp_path: Path, site: str = "", *globals_: str, **files: str) -> Plan:
    assert NGINX is not None
    given = {"/etc/nginx/conf.d/default.conf": site, **files} if site else files
    extra = [File(path, text.encode()) for path, text in given.items()]
    return plan(
        RootFs(NGINX, extra, tmp_path, roots=Roots(tmp_path / "roots"), private=lambda: tmp_path / "private"),
        globals_,
        ["daemon off;"],
        ["more_set_headers x;"],
    )


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_images_own_configuration(tmp_path: Path) -> None:
    result = planned(tmp_path)
    assert result.ports == (80,)
    assert result.exports == ("/usr/share/nginx/html",)
    text = words(result.render({80: 4321}, {80: 4322}, lambda *target: []))
    assert text.startswith("daemon off; error_log stderr notice; events {")
    for part in (
        "http { more_set_headers x; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; types {",
        "text/html html htm;",
        "access_log /dev/stdout combined;",
        "listen 127.0.0.1:4321; listen 127.0.0.1:4322 proxy_protocol; "
        "server_name localhost; location / { root root/usr/share/nginx/html;",
    ):
        assert part in text
    for dropped in ("user", "worker_processes", "pid", "include"):
        assert f"{dropped} " not in text


def test_daemon_is_what_nginx_would_do(tmp_path: Path) -> None:
    assert planned(tmp_path).daemon
    assert not planned(tmp_path, "", "daemon off;").daemon


def test_two_sockets_of_one_port_are_one_here(tmp_path: Path) -> None:
    site = "server { listen 80 default_server; listen [::]:80 default_server ipv6only=on; listen 8080 ssl reuseport; }"
    result = planned(tmp_path, site)
    assert result.ports == (80, 8080)
    assert (
        "listen 127.0.0.1:1 default_server; listen 127.0.0.1:3 default_server proxy_protocol; "
        "listen 127.0.0.1:2 ssl; listen 127.0.0.1:4 ssl proxy_protocol;"
    ) in words(result.render({80: 1, 8080: 2}, {80: 3, 8080: 4}, lambda *target: []))


def test_a_server_without_listen_is_on_port_80(tmp_path: Path) -> None:
    result = planned(tmp_path, "server { return 204; }")
    assert result.ports == (80,)


def test_paths_move_below_the_directory_and_variables_stay(tmp_path: Path) -> None:
    site = """server {
        listen 80;
        root /srv/sites/$host/www;
        ssl_certificate /run/secrets/cert;
        auth_basic_user_file conf.d/users;
        access_log off;
        error_log /srv/logs/error.log;
        location /x { alias /data/x/; }
        location /y { root $document_root; }
    }"""
    result = planned(tmp_path, site)
    text = words(result.text)
    for part in (
        "root root/srv/sites/$host/www;", "ssl_certificate root/run/secrets/cert;",
        "auth_basic_user_file root/etc/nginx/conf.d/users;", "access_log off;", "error_log root/srv/logs/error.log;",
        "alias root/data/x/;", "root $document_root;",
    ):  # fmt: skip
        assert part in text
    assert result.exports == (
        "/data/x/", "/etc/nginx/conf.d/users", "/run/secrets/cert", "/srv/logs", "/srv/sites",
    )  # fmt: skip


def test_lines_are_traced_back_to_the_containers_files(tmp_path: Path) -> None:
    result = planned(tmp_path, "server {\n    listen 80;\n    bogus on;\n}\n")
    line = result.text.splitlines().index("        bogus on;") + 1
    message = result.restore_lines(f'unknown directive "bogus" in /s/nginx.conf:{line}', "/s/nginx.conf")
    assert message == 'unknown directive "bogus" in /etc/nginx/conf.d/default.conf:3'


@pytest.mark.parametrize(
    ("site", "error"),
    [
        ("server {\n listen 80;\n", 'unexpected end of file, expecting "}" in /etc/nginx/conf.d/default.conf:2'),
        ("}\n", 'unexpected "}" in /etc/nginx/conf.d/default.conf:1'),
        ("include nosuch.conf;\n", 'open() "/etc/nginx/nosuch.conf" failed (2: No such file or directory) '
         "in /etc/nginx/conf.d/default.conf:1"),
    ],
)  # fmt: skip
def test_errors_are_nginxs_own(tmp_path: Path, site: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, site)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("worker_processes 2;",), '"worker_processes" directive is duplicate in /etc/nginx/nginx.conf:2'),
        (("pid x;", "daemon off; daemon on;"), '"daemon" directive is duplicate in command line'),
        (("daemon off",), 'unexpected end of parameter, expecting ";" in command line'),
        (("daemon off; }",), 'unexpected "}" in command line'),
    ],
)
def test_errors_in_options_are_nginxs_own(tmp_path: Path, options: tuple[str, ...], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, "", *options)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("argument", "port"),
    [("80", 80), ("*:8080", 8080), ("0.0.0.0:81", 81), ("[::]:82", 82), ("localhost", 80), ("[::1]", 80),
     ("127.0.0.1:83", 83), ("unix:/run/x.sock", None)],
)  # fmt: skip
def test_listen_port(argument: str, port: int | None) -> None:
    assert listen_port(argument) == port


OWN = """
server {
    listen 80;
    listen 8080;
    location / { return 200 "$hostname ${server_addr} $server_port"; }
    location /status { stub_status; }
    server_tokens off;
}
"""


def test_nginx_says_what_the_container_is(tmp_path: Path) -> None:
    root = RootFs(
        NGINX,
        [File("/etc/nginx/conf.d/default.conf", OWN.encode())],
        tmp_path,
        roots=Roots(tmp_path / "roots"),
        private=lambda: tmp_path / "private",
    )
    planned = plan(root, (), (), (), status=True, hides=True)
    text = words(planned.render({80: 1, 8080: 2}, {80: 3, 8080: 4}, lambda *target: [], "box", "10.0.0.9"))
    assert "return 200 'box 10.0.0.9 ${container_port}';" in text
    assert "map $server_port $container_port { default 80; 1 80; 2 8080; 3 80; 4 8080; }" in text
    assert "default_type text/plain; echo " in text
    assert "stub_status" not in text
    assert "server_tokens off; more_set_headers 'Server: nginx';" in text
    # Lines are still those of the file.
    line = planned.text.splitlines().index(next(each for each in planned.text.splitlines() if "return 200" in each)) + 1
    assert planned.origins[line - 1] == ("/etc/nginx/conf.d/default.conf", 5)


def test_templates_get_the_variables_that_there_are(tmp_path: Path) -> None:
    template = b"server { listen ${PORT}; server_name $host; return 200 $NAME; }"
    root = RootFs(
        NGINX,
        [File("/etc/nginx/templates/site.conf.template", template)],
        tmp_path,
        roots=Roots(tmp_path / "roots"),
        private=lambda: tmp_path / "private",
    )
    said = fill_templates(root, {"PORT": "81", "NAME": "me"})
    assert said == [
        "20-envsubst-on-templates.sh: Running envsubst on /etc/nginx/templates/site.conf.template "
        "to /etc/nginx/conf.d/site.conf\n"
    ]
    assert root.read("/etc/nginx/conf.d/site.conf") == b"server { listen 81; server_name $host; return 200 me; }"
