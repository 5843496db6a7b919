#!/usr/bin/env python3
"""Verifies the files beside it: that this conversation is what was recorded.

    python3 verify.py [--public-key KEY]

It needs Python 3.9 or newer and nothing else, and asks nobody. It checks

  events.jsonl     that each event names the hash of the one before, so that none was changed, removed or
                   put in; that what is shown of it in clear is what it holds; and that words are shown
                   of each, or of none where the visitor was erased
  visitor.key      where it is there: that the words shown are those that were sealed. Without it the sealed
                   bytes are proved, and which words they hold is the word of whoever made these files
  transcript.json  that it has these words, in this order, from the same sides; nothing else in it
  proof.json       that the last event that a checkpoint covers is in the tree whose root the checkpoint
                   holds, and that the checkpoint is signed with the public key. Whose key that is, a file
                   can't tell: compare it with the one that the service has published
                   (GET /api/audit/public-key/), or give that one as KEY

Every other file is named as not checked. This one came with the others: if you don't trust where they are
from, run a copy that you do trust. It is `infrastructure/bundle_verifier.py` of the package verbatim-chat.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import struct
import sys
import uuid
from collections.abc import Iterator
from typing import Any

Shown = dict[str, Any]
"""JSON of the bundle."""

Point = tuple[int, int, int, int]
"""Of the curve, in extended coordinates."""

PERSONAL = {
    "session_started.v1": ["metadata"],
    "visitor_message_posted.v1": ["text"],
    "visitor_message_posted.v2": ["text", "client_message_id"],
    "reply_started.v1": [],
    "reply_chunks_recorded.v1": ["parts"],
    "details_collected.v1": ["values"],
    "details_collected.v2": ["values"],
    "suggestions_offered.v1": ["suggestions"],
    "suggestions_offered.v2": ["suggestions"],
    "reply_completed.v1": ["text_hash"],
    "reply_completed.v2": ["text_hash"],
    "reply_stopped.v1": [],
    "reply_failed.v1": [],
    "idle_warning_issued.v1": [],
    "session_ended.v1": [],
    "feedback_given.v1": ["comment"],
    "visitor_erased.v1": [],
}
"""What each kind of event seals, in order."""

ERASED = "[erased]"
ERASURE = "visitor_erased.v1"
BY_THE_SERVICE = {"idle_warning_issued": "warning", "session_ended": "service"}
CHECKED = ("events.jsonl", "proof.json", "transcript.json", "verify.py", "visitor.key")
HEADER = "verbatim checkpoint v1"
FIELDS = ["number", "after", "up_to", "events", "root", "hints_hash", "before", "signed_at", "key_id"]


class Wrong(Exception):
    """Something isn't as it was recorded."""


# --- Ed25519, as in RFC 8032, section 5.1: verification alone

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """A multiple of a point."""
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def point_of(encoded: bytes) -> Point | None:
    """The point that 32 bytes encode, or None."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether a key has signed a message."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    key, commitment = point_of(public_key), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    left, right = multiply(scalar, BASE), add(commitment, multiply(challenge, key))
    return not (
        (left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P
    )


# --- AES-256-GCM, as in FIPS 197 and NIST SP 800-38D, for 12-byte nonces


def _substitutions() -> list[int]:
    """The S-box: inverses in GF(2^8), and an affine map."""
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= (p << 1) ^ (0x11B if p & 0x80 else 0)
        p &= 0xFF
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        turned = [((q << n) | (q >> (8 - n))) & 0xFF for n in range(1, 5)]
        box[p] = q ^ turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


BOX = _substitutions()


def double(byte: int) -> int:
    """Times x in GF(2^8)."""
    return ((byte << 1) ^ 0x1B) & 0xFF if byte & 0x80 else byte << 1


def expand(key: bytes) -> list[list[int]]:
    """The 15 round keys of a 32-byte key."""
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    for number in range(8, 60):
        word = words[-1]
        if number % 8 == 0:
            word = [BOX[word[1]] ^ constant, BOX[word[2]], BOX[word[3]], BOX[word[0]]]
            constant = double(constant)
        elif number % 8 == 4:
            word = [BOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[-8], word)])
    return [sum(words[at : at + 4], []) for at in range(0, 60, 4)]


def encrypt_block(round_keys: list[list[int]], block: bytes) -> bytes:
    """AES of one block of 16 bytes."""
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        state = [BOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]  # and the rows shifted
        if number < 14:
            mixed = []
            for at in range(0, 16, 4):
                a, b, c, d = state[at : at + 4]
                everything = a ^ b ^ c ^ d
                mixed += [
                    a ^ everything ^ double(a ^ b),
                    b ^ everything ^ double(b ^ c),
                    c ^ everything ^ double(c ^ d),
                    d ^ everything ^ double(d ^ a),
                ]
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def multiply_blocks(one: int, other: int) -> int:
    """The product in GF(2^128), as GCM counts its bits."""
    product = 0
    for at in range(127, -1, -1):
        if other >> at & 1:
            product ^= one
        one = (one >> 1) ^ (0xE1 << 120 if one & 1 else 0)
    return product


def tag_of(round_keys: list[list[int]], nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """What GCM appends to a ciphertext."""
    subkey = int.from_bytes(encrypt_block(round_keys, bytes(16)), "big")
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, ciphertext))
    padded += struct.pack(">QQ", 8 * len(associated), 8 * len(ciphertext))
    total = 0
    for at in range(0, len(padded), 16):
        total = multiply_blocks(total ^ int.from_bytes(padded[at : at + 16], "big"), subkey)
    mask = encrypt_block(round_keys, nonce + b"\0\0\0\1")
    return bytes(a ^ b for a, b in zip(total.to_bytes(16, "big"), mask))


def decrypt(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises Wrong where the key doesn't open it."""
    round_keys, ciphertext = expand(key), sealed[:-16]
    if tag_of(round_keys, nonce, ciphertext, associated) != sealed[-16:]:
        raise Wrong("what is sealed doesn't open with visitor.key")
    stream = b"".join(
        encrypt_block(round_keys, nonce + struct.pack(">I", number))
        for number in range(2, 2 + -(-len(ciphertext) // 16))
    )
    return bytes(a ^ b for a, b in zip(ciphertext, stream))


# --- MessagePack, as far as sealed fields use it


def unpack(raw: bytes) -> Any:
    """The value that a MessagePack text holds. Raises Wrong."""
    try:
        value, end = _value(raw, 0)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise Wrong("what was sealed can't be read") from None
    if end != len(raw):
        raise Wrong("what was sealed can't be read: something follows it")
    return value


def _value(raw: bytes, at: int) -> tuple[Any, int]:
    kind, at = raw[at], at + 1
    if kind < 0x80:
        return kind, at
    if kind < 0x90:
        return _map(raw, at, kind & 0x0F)
    if kind < 0xA0:
        return _array(raw, at, kind & 0x0F)
    if kind < 0xC0:
        return _text(raw, at, kind & 0x1F)
    if kind >= 0xE0:
        return kind - 256, at
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind], at
    if kind in _NUMBERS:
        form = struct.Struct(_NUMBERS[kind])
        return form.unpack_from(raw, at)[0], at + form.size
    if kind in _LONG:
        size, read = _LONG[kind]
        return read(raw, at + size, int.from_bytes(raw[at : at + size], "big"))
    raise Wrong(f"what was sealed can't be read: it holds a value of type {kind:#04x}")


def _text(raw: bytes, at: int, length: int) -> tuple[str, int]:
    if at + length > len(raw):
        raise IndexError
    return raw[at : at + length].decode(), at + length


def _array(raw: bytes, at: int, length: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(length):
        value, at = _value(raw, at)
        values.append(value)
    return values, at


def _map(raw: bytes, at: int, length: int) -> tuple[dict[Any, Any], int]:
    values = {}
    for _ in range(length):
        key, at = _value(raw, at)
        values[key], at = _value(raw, at)
    return values, at


_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_LONG = {
    0xD9: (1, _text),
    0xDA: (2, _text),
    0xDB: (4, _text),
    0xDC: (2, _array),
    0xDD: (4, _array),
    0xDE: (2, _map),
    0xDF: (4, _map),
}


# --- Merkle trees, as in RFC 9162, section 2.1.3.2


def leaf_hash(position: int, digest: bytes) -> bytes:
    """The hash of the leaf for an event."""
    return hashlib.sha256(b"\0" + struct.pack(">q", position) + digest).digest()


def root_from(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root to which a path leads from a leaf; None if it is as long as none can be."""
    if not 0 <= index < size:
        return None
    last, root = size - 1, leaf
    for beside in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            root = hashlib.sha256(b"\1" + beside + root).digest()
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\1" + root + beside).digest()
        index, last = index >> 1, last >> 1
    return root if last == 0 else None


# --- what is verified


def text64(raw: bytes) -> str:
    """Base64 as the log writes it."""
    return base64.b64encode(raw).decode().rstrip("=")


def bytes64(text: str) -> bytes:
    """What base64 stands for, with its padding or without."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def place_of(session: uuid.UUID, event: Shown) -> bytes:
    """An event's session, version and topic, as they are hashed."""
    return session.bytes + event["version"].to_bytes(8, "big") + event["topic"].encode()


def verify_chain(session: uuid.UUID, events: list[Shown]) -> list[bytes]:
    """The hash of each event, if they follow each other. Raises Wrong."""
    digests, before = [], b""
    for version, event in enumerate(events, 1):
        if event["version"] != version:
            raise Wrong(f"version {version} is missing")
        state = bytes64(event["state"])
        if json.loads(state).get("prev", "") != text64(before):
            raise Wrong(f"version {version} doesn't name the hash of the one before it")
        before = hashlib.sha256(place_of(session, event) + b"\0" + state).digest()
        digests.append(before)
    return digests


def verify_clear(event: Shown) -> None:
    """That what is shown in clear is what the event holds. Raises Wrong."""
    envelope = json.loads(bytes64(event["state"]))
    if event["at"] != envelope["at"] or event["clear"] != envelope.get("data", {}):
        raise Wrong(f"version {event['version']} shows in clear something else than it holds")


def verify_shown(events: list[Shown]) -> bool:
    """Whether the visitor was erased: then no event shows words, else none hides them. Raises Wrong."""
    erased = any(event["topic"] == ERASURE for event in events)
    for event in events:
        version, is_hidden = event["version"], event["sealed"] == ERASED
        if not PERSONAL[event["topic"]]:
            if event["sealed"]:
                raise Wrong(f"version {version} shows words, and nothing is sealed in it")
        elif erased and not is_hidden:
            raise Wrong(f"version {version} shows words of a visitor who was erased")
        elif is_hidden and not erased:
            raise Wrong(f"version {version} hides words, and nothing says that the visitor was erased")
    return erased


def verify_words(session: uuid.UUID, event: Shown, key: bytes) -> None:
    """That the words shown are those that were sealed. Raises Wrong."""
    names = PERSONAL[event["topic"]]
    sealed = json.loads(bytes64(event["state"])).get("sealed", "")
    if not names:
        return
    raw = bytes64(sealed)
    values = unpack(decrypt(key, raw[:12], raw[12:], place_of(session, event)))
    if dict(zip(names, values)) != event["sealed"] or len(names) != len(values):
        raise Wrong(f"version {event['version']} shows other words than were sealed")


def verify_transcript(events: list[Shown], transcript: Shown) -> None:
    """That the transcript has the words of the events, or none where they are erased, and no others. Raises
    Wrong."""
    said: list[list[Any]] = []
    reply: list[Any] = []
    for event in events:
        kind, sealed = event["topic"].split(".")[0], event["sealed"]
        if kind == "visitor_message_posted":
            said.append(["visitor", None if sealed == ERASED else sealed["text"]])
        elif kind == "reply_started":
            reply = ["assistant", ""]
            said.append(reply)
        elif kind == "reply_chunks_recorded" and reply:
            reply[1] = None if sealed == ERASED else (reply[1] or "") + "".join(sealed["parts"])
        elif kind in BY_THE_SERVICE:
            said.append([BY_THE_SERVICE[kind], event["clear"].get("text", "")])
    if said != [[entry["who"], entry["text"]] for entry in transcript["entries"]]:
        raise Wrong("transcript.json says something else than the events")


def verify_checkpoint(events: list[Shown], digests: list[bytes], proof: Shown, public_key: bytes) -> int:
    """The version up to which a checkpoint proves the events. Raises Wrong."""
    checkpoint, inclusion = proof["checkpoint"], proof["inclusion"]
    number = checkpoint["number"]
    lines = [HEADER] + [f"{name}: {checkpoint[name]}" for name in FIELDS]
    text = "".join(line + "\n" for line in lines)
    if not is_signed(text.encode(), bytes64(checkpoint["signature"]), public_key):
        raise Wrong(f"the signature of checkpoint {number} doesn't hold")
    version = inclusion["version"]
    if not 1 <= version <= len(events):
        raise Wrong(f"the proof is of version {version}, which isn't here")
    position = events[version - 1]["position"]
    if not checkpoint["after"] < position <= checkpoint["up_to"]:
        raise Wrong(f"version {version} isn't at a position that checkpoint {number} covers")
    path = [bytes64(step) for step in inclusion["path"]]
    root = root_from(
        leaf_hash(position, digests[version - 1]), inclusion["index"], checkpoint["events"], path
    )
    if root != bytes64(checkpoint["root"]):
        raise Wrong(f"version {version} isn't in the tree of checkpoint {number}")
    return version


def read(folder: str, name: str) -> str | None:
    """The text of a file of the bundle, or None where it isn't there."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def required(folder: str, name: str) -> str:
    """The text of a file without which there is nothing to verify. Raises Wrong."""
    text = read(folder, name)
    if text is None:
        raise Wrong(f"{name} is missing: unpack the whole of the zip")
    return text


def verify(folder: str, public_key: bytes | None = None) -> Iterator[str]:
    """Verify a bundle, and yield what was found right. Raises Wrong for the first thing that isn't."""
    proof = json.loads(required(folder, "proof.json"))
    events = [json.loads(line) for line in required(folder, "events.jsonl").split("\n") if line]
    session = uuid.UUID(proof["session_id"])
    digests = verify_chain(session, events)
    yield f"{len(events)} events of session {session} follow each other without a gap"
    for event in events:
        verify_clear(event)
    yield "what they show in clear is what they hold"
    erased = verify_shown(events)
    key = read(folder, "visitor.key")
    if key is not None:
        for event in events:
            verify_words(session, event, bytes64(key.strip()))
        yield "the words shown are those that were sealed, as visitor.key opens them"
    elif erased:
        yield "the visitor was erased: the sealed bytes are proved, and nobody can read them any more"
    else:
        yield "without visitor.key, the sealed bytes are proved; that they hold the words shown is not"
    transcript = read(folder, "transcript.json")
    if transcript is not None:
        verify_transcript(events, json.loads(transcript))
        yield "transcript.json has the words of the events, in their order"
    yield from verify_signed(events, digests, proof, public_key)


def verify_signed(
    events: list[Shown], digests: list[bytes], proof: Shown, public_key: bytes | None
) -> Iterator[str]:
    """The part of `verify` that is about checkpoints. Raises Wrong."""
    own = bytes64(proof["public_key"])
    if public_key is not None and public_key != own:
        raise Wrong("these files were signed with another key than the one that was given")
    if proof["checkpoint"] is None:
        yield "NO CHECKPOINT covers any of it yet: nothing is signed"
        return
    version = verify_checkpoint(events, digests, proof, own)
    number = proof["checkpoint"]["number"]
    yield f"checkpoint {number}, signed, holds version {version} and so all before it"
    if version < len(events):
        yield f"versions {version + 1} to {len(events)} came later, and are under no signature yet"
    whose = "which was given" if public_key else "COMPARE it with the one that the service has published"
    yield f"the signature is that of the public key {base64.b64encode(own).decode()}: {whose}"


def not_checked(folder: str) -> Iterator[str]:
    """What `verify` says nothing about."""
    names = sorted(set(os.listdir(folder)) - set(CHECKED))
    if names:
        yield ", ".join(name if name.isprintable() else ascii(name) for name in names)
    if read(folder, "transcript.json") is not None:
        yield "in transcript.json, anything but who said what: times and all else are in events.jsonl"


def main() -> int:
    """Verify the bundle that this file is in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--public-key", help="the service's, in base64, from where you trust it")
    options = parser.parse_args()
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
        public_key = bytes64(options.public_key) if options.public_key else None
        for line in verify(folder, public_key):
            print("ok: " + line)
        for line in not_checked(folder):
            print("NOT CHECKED: " + line)
    except Wrong as error:
        print(f"WRONG: {error}")
        return 1
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        print(f"WRONG: the files can't be read ({type(error).__name__}: {error})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
