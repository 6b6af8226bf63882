"""The certificates, keys and tokens of one control plane, made once in its folder and kept there.

A certificate authority of its own, a serving certificate for the loopback address, the key that signs the
tokens of service accounts, and a static token for each of USERS. All files are readable by the owner alone.
"""

import csv
import ipaddress
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

USERS = {"admin": "system:masters", "stranger": ""}  # each with its groups; the stranger may nothing
VALID = timedelta(days=3650)  # they are made once for a folder
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Pki:
    """The files in `folder`; making the object makes those that are missing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.authority = folder / "ca.crt"
        self.certificate, self.key = folder / "server.crt", folder / "server.key"
        self.accounts_key = folder / "service-accounts.key"
        self.tokens_file = folder / "tokens.csv"
        if not self.tokens_file.exists():  # written last
            self._make()
        with self.tokens_file.open(newline="") as rows:
            self.tokens = {user: token for token, user, *_ in csv.reader(rows)}

    def _make(self) -> None:
        authority = ec.generate_private_key(ec.SECP256R1())
        issuer = _name("runyard-kit")
        signed = _certificate(issuer, issuer, authority, authority)
        signed = signed.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        _write(self.authority, _pem(signed.sign(authority, hashes.SHA256())))

        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        serving = _certificate(_name("kube-apiserver"), issuer, key, authority)
        serving = serving.add_extension(x509.SubjectAlternativeName(names), critical=False)
        _write(self.certificate, _pem(serving.sign(authority, hashes.SHA256())))
        _write(self.key, _pem(key))

        _write(self.accounts_key, _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
        rows = (f'{secrets.token_hex(20)},{user},{user},"{groups}"\n' for user, groups in USERS.items())
        _write(self.tokens_file, "".join(rows).encode())


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: _Key, authority: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """Strict verifiers ask for both key identifiers."""
    now = datetime.now(UTC)
    ours = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(ours, critical=False)
        .add_extension(theirs, critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(thing: x509.Certificate | _Key) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    return thing.private_bytes(serialization.Encoding.PEM, traditional, serialization.NoEncryption())


def _write(file: Path, content: bytes) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        output.write(content)
