"""The local certificate authority, and the one server certificate that app and callback share."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dashtam.devenv.project.files import ensure_folder, ensure_home, write_atomically

HOSTS: Final = ("localhost", "127.0.0.1", "::1")
_AUTHORITY_TERM: Final = dt.timedelta(days=3650)
# Clients refuse server certificates of more than 398 days: CA/Browser Forum Baseline Requirements 6.3.2.
_SERVER_TERM: Final = dt.timedelta(days=397)
_RENEW_BEFORE: Final = dt.timedelta(days=30)
# A container's or a virtual machine's clock may be a little behind.
_BACKDATED: Final = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Certificates:
    """The files of a project; only the authority's certificate is for others to read."""

    home: Path

    @property
    def authority(self) -> Path:
        """What clients trust."""
        return self.home / "certificates" / "ca.pem"

    @property
    def authority_key(self) -> Path:
        """What signs; never mounted into a container."""
        return self.home / "authority" / "ca-key.pem"

    @property
    def server(self) -> Path:
        """What app and callback show."""
        return self.home / "certificates" / "server.pem"

    @property
    def server_key(self) -> Path:
        """The key of app and callback."""
        return self.home / "certificates" / "server-key.pem"


def ensure_certificates(home: Path, *, now: dt.datetime | None = None) -> bool:
    """Make or renew the authority and the server's certificate where needed; answers whether anything was written.

    A private key is written before the certificate that needs it: killed in between, the pair does not match, and
    the next call makes both again.
    """
    now = now or dt.datetime.now(dt.UTC)
    files = Certificates(home)
    ensure_home(home)
    ensure_folder(files.authority.parent, mode=0o755)
    ensure_folder(files.authority_key.parent, mode=0o700)
    written = False
    if find_authority_problem(files, now):
        _make_authority(files, now)
        written = True
    if find_server_problem(files, now):
        _make_server(files, now)
        written = True
    return written


def find_authority_problem(files: Certificates, now: dt.datetime) -> str | None:
    """Say why the authority cannot be used; None where it can."""
    try:
        certificate, key = _load_pair(files.authority, files.authority_key)
    except (OSError, ValueError, TypeError) as error:
        return f"{files.authority} cannot be used: {error}"
    return _find_pair_problem(files.authority, certificate, key, now)


def find_server_problem(files: Certificates, now: dt.datetime) -> str | None:
    """Say why the server's certificate cannot be used with this authority; None where it can."""
    try:
        certificate, key = _load_pair(files.server, files.server_key)
        certificate.verify_directly_issued_by(_load_certificate(files.authority))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except InvalidSignature:
        return f"{files.server} was signed by another authority than {files.authority}"
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound) as error:
        return f"{files.server} cannot be used: {error}"
    if missing := [name for name in _general_names() if name not in names]:
        return f"{files.server} does not name {', '.join(str(name.value) for name in missing)}"
    return _find_pair_problem(files.server, certificate, key, now)


def _find_pair_problem(
    path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: dt.datetime
) -> str | None:
    if certificate.public_key() != key.public_key():
        return f"{path} does not belong to its key"
    if now < certificate.not_valid_before_utc:
        return f"{path} is valid from {certificate.not_valid_before_utc} on; is the clock right?"
    if now > certificate.not_valid_after_utc - _RENEW_BEFORE:
        return f"{path} ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
    return None


def _load_pair(certificate: Path, key: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    return _load_certificate(certificate), _load_key(key)


def _load_certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} is no elliptic curve key")
    return key


def _make_authority(files: Certificates, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Dashtam authority ({files.home.name})")
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_TERM)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        # Whoever gets hold of the key can forge nothing but this machine.
        .add_extension(
            x509.NameConstraints(permitted_subtrees=_permitted(), excluded_subtrees=None), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    _write_pair(files.authority, certificate, files.authority_key, key)


def _make_server(files: Certificates, now: dt.datetime) -> None:
    authority, authority_key = _load_pair(files.authority, files.authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name("localhost"), authority.subject, key, now, _SERVER_TERM)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_pair(files.server, certificate, files.server_key, key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    term: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + term)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write_pair(
    path: Path, certificate: x509.Certificate, key_path: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(key_path, secret, mode=0o600)
    write_atomically(path, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names() -> list[x509.GeneralName]:
    local, *addresses = HOSTS
    return [x509.DNSName(local), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]


def _permitted() -> list[x509.GeneralName]:
    networks = ("127.0.0.0/8", "::1/128")
    return [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_network(network)) for network in networks),
    ]
