"""The local authority signs for this machine alone, and certificates are renewed before anybody notices."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from dashtam.devenv.project.certificates import Certificates, ensure_certificates, find_server_problem

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> Certificates:
    assert ensure_certificates(tmp_path)
    return Certificates(tmp_path)


def shake_hands(files: Certificates, name: str) -> str | None:
    """Connect as a strict client that trusts the authority; the version of TLS."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.server, files.server_key)
    client = ssl.create_default_context(cafile=str(files.authority))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as secured:
            return secured.version()
    finally:
        ours.close()
        thread.join()


def test_the_longest_name_of_a_project_fits(tmp_path: Path) -> None:
    assert ensure_certificates(tmp_path / ("a" * 40))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_every_name_of_this_machine_verifies(files: Certificates, name: str) -> None:
    assert shake_hands(files, name) == "TLSv1.3"


def test_no_other_name_verifies(files: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(files, "example.com")


def test_keys_are_private_and_the_authoritys_lies_where_no_container_looks(files: Certificates) -> None:
    assert files.authority_key.stat().st_mode & 0o777 == 0o600
    assert files.server_key.stat().st_mode & 0o777 == 0o600
    assert files.authority_key.parent != files.authority.parent


def test_a_second_run_changes_nothing(files: Certificates) -> None:
    before = files.server.read_bytes()
    assert not ensure_certificates(files.home)
    assert files.server.read_bytes() == before


def test_the_server_is_renewed_a_month_before_its_end_and_the_authority_stays(files: Certificates) -> None:
    authority, server = files.authority.read_bytes(), files.server.read_bytes()
    end = x509.load_pem_x509_certificate(server).not_valid_after_utc
    assert not ensure_certificates(files.home, now=end - dt.timedelta(days=31))
    assert ensure_certificates(files.home, now=end - dt.timedelta(days=29))
    assert files.authority.read_bytes() == authority
    assert files.server.read_bytes() != server


def test_clients_take_the_servers_term(files: Certificates) -> None:
    certificate = x509.load_pem_x509_certificate(files.server.read_bytes())
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < dt.timedelta(days=398)


@pytest.mark.parametrize("lost", ["authority", "authority_key", "server", "server_key"])
def test_whatever_is_lost_or_damaged_is_made_anew_and_fits_together(files: Certificates, lost: str) -> None:
    path: Path = getattr(files, lost)
    for damage in (b"", b"nonsense", None):
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
        assert ensure_certificates(files.home)
        assert find_server_problem(files, NOW) is None
        assert shake_hands(files, "localhost") == "TLSv1.3"


def test_a_key_that_does_not_belong_to_its_certificate_is_noticed(
    files: Certificates, tmp_path: Path
) -> None:
    ensure_certificates(tmp_path / "other")
    files.server_key.write_bytes(Certificates(tmp_path / "other").server_key.read_bytes())
    assert "does not belong to its key" in (find_server_problem(files, NOW) or "")
    assert ensure_certificates(files.home)
    assert shake_hands(files, "localhost") == "TLSv1.3"


def test_the_authority_may_sign_for_this_machine_alone(files: Certificates) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert x509.DNSName("localhost") in (constraints.value.permitted_subtrees or [])
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)
