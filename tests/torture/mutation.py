"""Damage to documents: of their bytes, and of the values inside them.

Everything is drawn from one ``Random``, so a number is enough to make the same damage again.
"""

import copy
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import zstandard

TOKENS: tuple[bytes, ...] = (
    *(b"null", b"true", b"-1", b"0", b"1.5", b"1e400", b"NaN", b"Infinity", b"-0.0", b"1e-400"),
    *(b"9" * 400, b"9" * 5000, b"9223372036854775808", b"2147483648", b'""', b'"\\ud800"', b"[]"),
    *(b"{}", b"[" * 3000, b'{"a":' * 3000, b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(b'"../../etc/passwd"', b'"\\u0000"', b'"\\u202e"', b"//", b"..", b"'", b"\r\n", b"=", b":"),
    *(
        b'"format":2,',
        b'"format":1,"format":1,',
        b"2026-13-45T25:61:61Z",
        b'"9999-12-31T23:59:59Z"',
    ),
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 2**31, 2**53, 2**63, 2**64, 10**40, -(10**40), 1e308),
    *(float("nan"), float("inf"), "", " ", "0", "-1", "1.0", "01", "v1", "1!1", "1+x", "x" * 70),
    *("x" * 5000, "\x00", "\u202e", "\u0130", "\ud800", "\U0010ffff", "e\u0301", "..", "../x"),
    *("/etc/passwd", "a//b", "CON", "a:b", "C:\\x", "a/", ".", "x" * 300, "{port}", "{x}" * 50),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00+14:00", "2026-02-30"),
    *("8999-12-31T23:59:59-14:00", "Mars/X", "EST5EDT,", "FREQ=SECONDLY", "FREQ=DAILY;COUNT=0"),
    *("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;INTERVAL=9999", "http://[", ">=1,<<2"),
    *([], {}, [[]], [None], {"": None}, [0] * 50, {"a": {"a": {}}}, [{}] * 20, "0" * 64, "f" * 128),
    *("ed25519", "rsa", "ecdsa", "root", "targets", "*", "**", "[a-", "[" * 100, "?" * 200),
)


def mutated(random: Random, sample: bytes, others: Sequence[bytes]) -> bytes:
    """``sample`` after one to four pieces of damage; some change values, some change bytes."""
    data = sample
    if random.random() < 0.55:
        data = with_other_values(random, data)
        if data != sample and random.random() < 0.8:
            return data
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(_BYTE_DAMAGE)(random, data, others)
    return data


def with_other_values(random: Random, data: bytes) -> bytes:
    """The same JSON with some of its values, names or items changed."""
    try:
        plain = json.loads(data)
    except ValueError:
        return data
    return dumped(changed(random, plain))


def dumped(plain: Any) -> bytes:
    """As JSON, whatever is in it: lone surrogates and NaN as well."""
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def changed(random: Random, plain: Any) -> Any:
    """A JSON value with one to three of its places changed."""
    box = [plain]
    for _ in range(random.choice((1, 1, 2, 3))):
        holder, key = random.choice(_places(box))
        random.choice(_VALUE_DAMAGE)(random, holder, key)
        if not box:
            box.append(None)
    return box[0] if len(box) == 1 else box


def _places(box: list[Any]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [box]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def _replace(random: Random, holder: Any, key: Any) -> None:
    holder[key] = copy.deepcopy(random.choice(VALUES))


def _remove(random: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _nudge(random: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    if isinstance(value, int):
        holder[key] = value + random.choice((-1, 1, 1000, -1000, 2**31))
    elif isinstance(value, str):
        at = random.randint(0, len(value))
        holder[key] = (
            value[:at] + random.choice(("0", "A", "/", "\x00", "é", " ")) + value[at + 1 :]
        )
    else:
        holder[key] = [value]


def _rename(random: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        name = random.choice(("format", "version", "", "é", "__class__", "x" * 200))
        holder[name] = copy.deepcopy(holder[key])
    else:
        holder.append(copy.deepcopy(holder[key]))


def _deepen(random: Random, holder: Any, key: Any) -> None:
    for _ in range(random.choice((1, 5, 200))):
        holder[key] = random.choice(([holder[key]], {"a": holder[key]}))


def _multiply(random: Random, holder: Any, key: Any) -> None:
    value = holder[key]
    times = random.choice((2, 3) if isinstance(value, dict | list) else (2, 101, 500))
    holder[key] = [copy.deepcopy(value) for _ in range(times)]


def _swap(random: Random, holder: Any, key: Any) -> None:
    other = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


_VALUE_DAMAGE: tuple[Callable[[Random, Any, Any], None], ...] = (
    *(_replace, _replace, _replace, _nudge, _nudge, _remove, _rename, _deepen, _multiply, _swap),
)


def _flip(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _cut(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _take_out(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.randint(1, 40) :]


def _repeat(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at, size = random.randrange(len(data) + 1), random.randint(1, 200)
    return data[: at + size] + data[at:]


def _splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _token(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(TOKENS) + data[at + random.choice((0, 0, 1, 4)) :]


_BYTE_DAMAGE = (_flip, _flip, _flip, _cut, _take_out, _repeat, _splice, _token, _token)


_TOML_VALUES = (
    *("9" * 5000, "-1", "1e400", "nan", "inf", "0x" + "f" * 5000, "1_0", "00", "true", "[]", "{}"),
    *("2026-13-45T25:61:61Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "07:32:00"),
    *(
        '""',
        '"\\ud800"',
        '"\\u0000"',
        '"x""x"',
        "'''",
        '"""',
        "[" * 2000,
        "{a=" * 2000,
        "2027-01-01",
    ),
    *("{ " + "a." * 20_000 + "a = 1 }", '"Mars/X"', '"FREQ=SECONDLY"', '"FREQ=DAILY;COUNT=99999"'),
    *('"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"', '"FREQ=WEEKLY;BYDAY=' + "SA," * 160 + 'SA"'),
    *('"FREQ=YEARLY;BYWEEKNO=53;BYSETPOS=-1;BYDAY=MO"', '"2026-01-03T01:00+02:00"', '"../../UTC"'),
)


def mutated_toml(random: Random, sample: bytes, others: Sequence[bytes]) -> bytes:
    """A text in TOML with other values, names or bytes."""
    if random.random() < 0.4:
        return random.choice(_BYTE_DAMAGE)(random, sample, others)
    lines = sample.decode().splitlines()
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(lines))
        name, sign, _ = lines[at].partition(" = ")
        value = random.choice(_TOML_VALUES)
        new = (f"{name}{sign}{value}", f"{value} = 1", f"[{value}]", lines[at], f"[[{name}]]")
        lines[at : at + random.choice((0, 1, 1, 1))] = [random.choice(new[:1] * 5 + new[1:])]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def mutated_archive(random: Random, sample: bytes, others: Sequence[bytes]) -> bytes:
    """A compressed tar, damaged as bytes or as a tar, or followed by more than it should be."""
    kind = random.random()
    if kind < 0.4:
        return random.choice(_BYTE_DAMAGE)(random, sample, others)
    tar = zstandard.ZstdDecompressor().decompress(sample, max_output_size=2**24)
    if kind < 0.75:
        tar = _other_member(random, tar)
    elif kind < 0.98:
        tar = random.choice(_BYTE_DAMAGE)(random, tar, [tar])
    else:
        tar += bytes(random.choice((1, 512, 1024, 2**20, 2**26)))
    return _compressed(random, tar)


def _compressed(random: Random, tar: bytes) -> bytes:
    kind = random.random()
    if kind < 0.01:
        wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
        return zstandard.ZstdCompressor(compression_params=wide).compress(tar)
    if kind < 0.06:
        at = random.randrange(len(tar) + 1)
        parts = (zstandard.ZstdCompressor(level=1).compress(part) for part in (tar[:at], tar[at:]))
        return b"".join(parts)
    if kind < 0.08:
        return b"\x50\x2a\x4d\x18" + (8).to_bytes(4, "little") + bytes(8) + zstandard.compress(tar)
    return zstandard.ZstdCompressor(level=1).compress(tar)


_NAMES = (
    "../outside/evil",
    "a/../../outside/evil",
    "/../../outside/evil",
    "app.py",
    "link/evil",
    "x" * 300,
)
_TYPES = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)


def _other_member(random: Random, tar: bytes) -> bytes:
    """With a member more, of a kind and a name that no signed list has, somewhere at a block."""
    member = tarfile.TarInfo(random.choice(_NAMES))
    member.type = random.choice((*_TYPES, tarfile.REGTYPE, tarfile.GNUTYPE_SPARSE, b"?"))
    member.linkname = random.choice(("", "../outside", "/etc/passwd", "app.py"))
    member.mode = random.choice((0o644, 0o4755, 0o777))
    member.size = random.choice((0, 0, 5, 512, 8**11 - 1))
    if random.random() < 0.2:
        member.pax_headers = {"path": "../outside/evil", "size": "5"}
    out = io.BytesIO(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
    at = 512 * random.randrange(len(tar) // 512 + 1)
    extra = out.getvalue() + bytes(512 if 0 < member.size <= 512 else 0)
    return tar[:at] + extra + tar[at + random.choice((0, 512)) :]
