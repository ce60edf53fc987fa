import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from swarmlab.lab.certificates import CLIENT_FILES, prepare, server_context

HOSTS = {"localhost", "127.0.0.1", "::1", "node-1"}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tls"
    prepare(made, "a", HOSTS, NOW)
    return made


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def certificate(folder, name):
    return x509.load_pem_x509_certificate((folder / name).read_bytes())


def names(folder):
    found = certificate(folder, "server-cert.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in found.value}


def test_only_the_owner_may_read_them(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert set(CLIENT_FILES) == {"ca.pem", "cert.pem", "key.pem"} < set(contents(folder))


def test_they_last(folder):
    before = contents(folder)
    prepare(folder, "a", HOSTS, NOW + timedelta(days=300))
    assert contents(folder) == before


def test_what_has_nearly_expired_is_renewed(folder):
    before = contents(folder)
    later = NOW + timedelta(days=380)
    prepare(folder, "a", HOSTS, later)
    after = contents(folder)
    assert {name for name in before if before[name] != after[name]} == set(before) - {"ca.pem", "ca-key.pem"}
    assert certificate(folder, "cert.pem").not_valid_after_utc > later + timedelta(days=300)
    # Without its authority nothing is worth anything.
    prepare(folder, "a", HOSTS, NOW + timedelta(days=3640))
    last = contents(folder)
    assert all(last[name] != after[name] for name in after)


def test_other_addresses_are_another_certificate_of_the_engines(folder):
    before = contents(folder)
    prepare(folder, "a", HOSTS | {"127.0.3.1"}, NOW)
    after = contents(folder)
    assert {name for name in before if before[name] != after[name]} == {"server-cert.pem", "server-key.pem"}
    assert names(folder) == HOSTS | {"127.0.3.1"}


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "server-key.pem"])
def test_what_is_damaged_is_made_anew(folder, name):
    (folder / name).write_text("nonsense")
    prepare(folder, "a", HOSTS, NOW)
    assert b"-----BEGIN" in (folder / name).read_bytes()


def test_a_client_s_certificate_is_good_for_nothing_else(tmp_path):
    prepare(tmp_path / "b", "b", HOSTS)
    context = server_context(tmp_path / "b")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    usage = certificate(tmp_path / "b", "cert.pem").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [purpose.dotted_string for purpose in usage] == ["1.3.6.1.5.5.7.3.2"]
