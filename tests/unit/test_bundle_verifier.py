"""The cryptography that a bundle's verifier brings along, against the standards' vectors and
`cryptography`."""

import ast
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from domain.proof import Checkpoint
from infrastructure import bundle_verifier as verifier
from infrastructure import checkpoints, codec

# RFC 8032, section 7.1: public key, message, signature.
SIGNATURES = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# NIST's own test cases 13 to 16 for AES-256-GCM: key, nonce, plaintext, associated data, ciphertext and tag.
LONG_KEY = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
LONG_TEXT = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
LONG_SEALED = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
ASSOCIATED = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
SEALED = [
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    (LONG_KEY, "cafebabefacedbaddecaf888", LONG_TEXT, "", LONG_SEALED + "b094dac5d93471bdec1a502270e3cc6c"),
    (
        LONG_KEY,
        "cafebabefacedbaddecaf888",
        LONG_TEXT[:120],
        ASSOCIATED,
        LONG_SEALED[:120] + "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=30,
)


@pytest.mark.parametrize(("public_key", "message", "signature"), SIGNATURES)
def test_it_accepts_the_signatures_of_rfc_8032(public_key: str, message: str, signature: str) -> None:
    assert verifier.is_signed(bytes.fromhex(message), bytes.fromhex(signature), bytes.fromhex(public_key))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_it_accepts_what_cryptography_has_signed(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)

    assert verifier.is_signed(message, key.sign(message), key.public_key().public_bytes_raw())


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50), st.integers(0, 96 * 8 - 1))
def test_it_refuses_a_signature_or_key_with_a_bit_changed(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    both = bytearray(key.sign(message) + key.public_key().public_bytes_raw())
    both[bit // 8] ^= 1 << bit % 8

    assert not verifier.is_signed(message, bytes(both[:64]), bytes(both[64:]))
    assert not verifier.is_signed(message + b"!", key.sign(message), key.public_key().public_bytes_raw())


def test_it_refuses_a_signature_whose_scalar_is_too_large_and_one_of_another_length() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature, public = key.sign(b"m"), key.public_key().public_bytes_raw()
    scalar = int.from_bytes(signature[32:], "little") + verifier.ORDER

    assert not verifier.is_signed(b"m", signature[:32] + scalar.to_bytes(32, "little"), public)
    assert not verifier.is_signed(b"m", signature[:-1], public)
    assert not verifier.is_signed(b"m", signature, public[:-1])
    assert not verifier.is_signed(b"m", signature, b"\xff" * 32)


@pytest.mark.parametrize(("key", "nonce", "text", "associated", "sealed"), SEALED)
def test_it_opens_nist_s_test_cases(key: str, nonce: str, text: str, associated: str, sealed: str) -> None:
    opened = verifier.decrypt(*(bytes.fromhex(each) for each in (key, nonce, sealed, associated)))

    assert opened.hex() == text


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=12, max_size=12),
    st.binary(max_size=100),
    st.binary(max_size=50),
)
def test_it_opens_what_cryptography_has_sealed(key: bytes, nonce: bytes, text: bytes, place: bytes) -> None:
    assert verifier.decrypt(key, nonce, AESGCM(key).encrypt(nonce, text, place), place) == text


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=40), st.data())
def test_it_opens_nothing_that_was_changed(key: bytes, text: bytes, data: st.DataObject) -> None:
    nonce = bytes(12)
    sealed = bytearray(AESGCM(key).encrypt(nonce, text, b"place"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(verifier.Wrong):
        verifier.decrypt(key, nonce, bytes(sealed), b"place")
    with pytest.raises(verifier.Wrong):
        verifier.decrypt(key, nonce, AESGCM(key).encrypt(nonce, text, b"place"), b"elsewhere")


@given(values)
def test_it_reads_messagepack_as_msgspec_writes_it(value: object) -> None:
    assert verifier.unpack(msgspec.msgpack.encode(value)) == value


@given(values, st.data())
def test_it_refuses_messagepack_that_is_cut_off_or_goes_on(value: object, data: st.DataObject) -> None:
    packed = msgspec.msgpack.encode(value)

    with pytest.raises(verifier.Wrong):
        verifier.unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(verifier.Wrong):
        verifier.unpack(packed + b"\0")


def test_it_knows_what_every_kind_of_event_seals() -> None:
    topics = {*codec.UPCASTERS, *(event.topic for event in codec.EVENTS)}

    assert {topic: list(codec.personal_fields(topic)) for topic in topics} == verifier.PERSONAL
    assert [name for name in Checkpoint.__struct_fields__ if name != "signature"] == verifier.FIELDS
    assert checkpoints.HEADER == verifier.HEADER


def test_it_is_python_3_9_and_imports_the_standard_library_alone() -> None:
    source = Path(verifier.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }

    assert imported <= {
        *("__future__", "argparse", "base64", "collections", "hashlib", "json", "os", "struct"),
        *("sys", "typing", "uuid"),
    }
