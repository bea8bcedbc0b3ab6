"""Throwaway certificates, as PEM: of an authority, or of nobody else."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AGE = datetime.timedelta(days=1)


def self_signed(address):
    """Certificate and key for an IP address, its own authority."""
    key = _key()
    return _pem(_certificate(address, key, address, key, [address])), _private(key)


class Authority:
    """Signs certificates; `pem` is what clients trust."""

    NAME = "test authority"

    def __init__(self):
        self._key = _key()
        self.pem = _pem(_certificate(self.NAME, self._key, self.NAME, self._key, [], authority=True))

    def leaf(self, *subjects):
        """A chain and its key, for these DNS names, addresses or URIs."""
        key = _key()
        return _pem(_certificate("test server", key, self.NAME, self._key, subjects)), _private(key)


def _certificate(name, key, issuer, issuer_key, subjects, *, authority=False):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - AGE)
        .not_valid_after(now + AGE)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if subjects:
        names = x509.SubjectAlternativeName([_subject(text) for text in subjects])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _subject(text):
    if "://" in text:
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key():
    return ec.generate_private_key(ec.SECP256R1())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key):
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()).decode()
