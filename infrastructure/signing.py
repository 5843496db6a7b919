"""The key that signs checkpoints: Ed25519, set by itself or derived from the master key.

Derived, it is nothing more to keep, and the same on every node. Set by itself, it can be one that those who
know the master key don't.
"""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"verbatim: signing checkpoints, v1"


class SigningKey:
    """A private key, by its 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    @classmethod
    def derived(cls, master_key: bytes) -> "SigningKey":
        """The key of whoever has no other."""
        return cls(HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(master_key))

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def key_id(public_key: bytes) -> str:
    """How a checkpoint names the key it is signed with."""
    return sha256(public_key).hexdigest()[:16]


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether this key has signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
