"""Reads the state of a checkpoint as Spark writes it: LZ4Block streams, .delta and .snapshot files, UnsafeRow, Murmur3.
Written from the formats alone; shares nothing with the engine or its checks."""
import json
import pathlib
import struct

MASK = 0xFFFFFFFF


def rotate(x, bits):
    return ((x << bits) | (x >> (32 - bits))) & MASK


def xxh32(data, seed):
    primes = (2654435761, 2246822519, 3266489917, 668265263, 374761393)
    at = 0
    if len(data) >= 16:
        lanes = [(seed + primes[0] + primes[1]) & MASK, (seed + primes[1]) & MASK, seed, (seed - primes[0]) & MASK]
        while at + 16 <= len(data):
            for i, word in enumerate(struct.unpack_from("<4I", data, at)):
                lanes[i] = rotate((lanes[i] + word * primes[1]) & MASK, 13) * primes[0] & MASK
            at += 16
        digest = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18)))
    else:
        digest = seed + primes[4]
    digest = (digest + len(data)) & MASK
    while at + 4 <= len(data):
        digest = rotate((digest + struct.unpack_from("<I", data, at)[0] * primes[2]) & MASK, 17) * primes[3] & MASK
        at += 4
    for byte in data[at:]:
        digest = rotate((digest + byte * primes[4]) & MASK, 11) * primes[0] & MASK
    digest = (digest ^ digest >> 15) * primes[1] & MASK
    digest = (digest ^ digest >> 13) * primes[2] & MASK
    return digest ^ digest >> 16


def long_length(data, at, length):
    while length >= 15 and data[at] == 255:
        length, at = length + 255, at + 1
    return length + data[at], at + 1


def lz4_block(data):
    """One plain LZ4 block: literals, then a match that may overlap what it writes; the last sequence has no match."""
    out, at = bytearray(), 0
    while True:
        token, at = data[at], at + 1
        literals, match = token >> 4, token & 15
        if literals == 15:
            literals, at = long_length(data, at, literals)
        out += data[at:at + literals]
        at += literals
        if at == len(data):
            return bytes(out)
        distance, at = data[at] | data[at + 1] << 8, at + 2
        if match == 15:
            match, at = long_length(data, at, match)
        assert 0 < distance <= len(out), "a match before the beginning"
        for _ in range(match + 4):
            out.append(out[-distance])


def lz4_block_stream(data):
    """Java's LZ4BlockOutputStream: the content and the number of blocks; every checksum is looked at."""
    out, at, blocks = b"", 0, 0
    while at < len(data):
        magic, token, packed, size, checksum = struct.unpack_from("<8sBiiI", data, at)
        assert magic == b"LZ4Block", f"no LZ4Block at byte {at}"
        payload = data[at + 21:at + 21 + packed]
        content = lz4_block(payload) if token & 0xF0 == 0x20 else payload
        assert token & 0xF0 in (0x10, 0x20) and len(payload) == packed and len(content) == size, f"block at byte {at}"
        assert size == 0 or xxh32(content, 0x9747B28C) & 0x0FFFFFFF == checksum, f"checksum at byte {at}"
        out, at, blocks = out + content, at + 21 + packed, blocks + 1
    assert size == 0, "the stream has no end"
    return out, blocks


def records(content):
    """Keys and values of a .delta or .snapshot, in order; None: removed."""
    at, found = 0, []
    while True:
        (size,) = struct.unpack_from(">i", content, at)
        at += 4
        if size == -1:
            assert at == len(content), "bytes behind the end"
            return found
        key, at = content[at:at + size], at + size
        (size,) = struct.unpack_from(">i", content, at)
        at += 4
        found.append((key, None if size == -1 else content[at:at + size]))
        at += max(size, 0)


def unsafe_row(row, types):
    """An UnsafeRow as a list of Python values; a struct is a list."""
    assert len(row) % 8 == 0
    fields = 8 * ((len(types) + 63) // 64)
    values = []
    for i, kind in enumerate(types):
        (word,) = struct.unpack_from("<q", row, fields + 8 * i)
        if row[i // 8] >> i % 8 & 1:
            assert word == 0, "a null field with a value"
            values.append(None)
        elif isinstance(kind, dict) or kind == "string":
            part = row[word >> 32:(word >> 32) + (word & MASK)]
            values.append(unsafe_row(part, field_types(kind)) if isinstance(kind, dict) else part.decode())
        elif kind == "double":
            values.append(struct.unpack_from("<d", row, fields + 8 * i)[0])
        elif kind == "integer":
            values.append(struct.unpack_from("<i", row, fields + 8 * i)[0])
        else:
            values.append(bool(word) if kind == "boolean" else word)
    return values


def field_types(schema):
    return [field["type"] for field in schema["fields"]]


def murmur3_finish(digest, length):
    digest = ((digest ^ length) ^ (digest ^ length) >> 16) * 0x85EBCA6B & MASK
    digest = (digest ^ digest >> 13) * 0xC2B2AE35 & MASK
    return digest ^ digest >> 16


def murmur3_words(words, digest):
    for word in words:
        word = rotate((word & MASK) * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK
        digest = (rotate(digest ^ word, 13) * 5 + 0xE6546B64) & MASK
    return digest


def murmur3(values, types, digest=42):
    """Spark's: columns are chained, a null leaves the seed, a tail byte is a word of its own, sign extended."""
    for value, kind in zip(values, types):
        if value is None:
            continue
        if isinstance(kind, dict):
            digest = murmur3(value, field_types(kind), digest)
        elif kind == "string":
            data = value.encode()
            whole = len(data) // 4 * 4
            words = [*struct.unpack(f"<{whole // 4}I", data[:whole]), *struct.unpack(f"{len(data) - whole}b", data[whole:])]
            digest = murmur3_finish(murmur3_words(words, digest), len(data))
        elif kind in ("int", "integer", "boolean"):
            digest = murmur3_finish(murmur3_words([int(value)], digest), 4)
        else:
            (bits,) = struct.unpack("<q", struct.pack("<d", value)) if kind == "double" else (value,)
            digest = murmur3_finish(murmur3_words([bits, bits >> 32], digest), 8)
    return digest


class State:
    """Operator 0 of a checkpoint: every file of every partition, read and compared with the others."""

    def __init__(self, checkpoint):
        root = pathlib.Path(checkpoint) / "state/0"
        text = (root / "0/_metadata/schema").read_text("latin-1")
        decoder = json.JSONDecoder()
        key, end = decoder.raw_decode(text, text.index('{"type"'))
        value, end = decoder.raw_decode(text, text.index('{"type"', end))
        self.key_types, self.value_types = field_types(key), field_types(value)
        self.deltas = self.snapshots = self.blocks = self.keys = self.replayed = 0
        self.partitions = sorted(int(path.name) for path in root.iterdir() if path.name.isdigit())
        assert self.partitions == list(range(len(self.partitions)))
        self.newest = {}
        self.rows = [row for partition in self.partitions for row in self.read_partition(root / str(partition))]

    def read_file(self, path, partition):
        content, blocks = lz4_block_stream(path.read_bytes())
        found = records(content)
        self.blocks += blocks
        self.keys += len(found)
        for key, value in found:
            digest = murmur3(unsafe_row(key, self.key_types), self.key_types)
            where = (digest - (1 << 32) if digest >> 31 else digest) % len(self.partitions)
            assert where == partition, f"{path}: a key that belongs to partition {where}"
            assert value is None or unsafe_row(value, self.value_types)
        return found

    def read_partition(self, folder):
        """The rows of the newest version; on the way every snapshot must be what the files before it add up to."""
        partition, files = int(folder.name), {}
        for path in folder.iterdir():
            if not path.stem.isdigit() or path.suffix not in (".delta", ".snapshot"):
                continue  # _metadata, and what a crash left of a file that was being written
            files[int(path.stem), path.suffix] = self.read_file(path, partition)
        versions = sorted({version for version, _ in files})
        state = {} if versions[0] == 1 else None
        for version in versions:
            delta, snapshot = files.get((version, ".delta")), files.get((version, ".snapshot"))
            if state is not None:
                assert delta is not None, f"{folder}: {version}.delta is missing"
                for key, value in delta:
                    state.pop(key, None) if value is None else state.__setitem__(key, value)
            if snapshot is not None:
                assert state is None or state == dict(snapshot), f"{folder}: {version}.snapshot is not what its deltas make"
                self.replayed += state is not None
                state = dict(snapshot)
            self.deltas += delta is not None
            self.snapshots += snapshot is not None
        self.newest[partition] = versions[-1]
        return [(unsafe_row(key, self.key_types), unsafe_row(value, self.value_types)) for key, value in state.items()]
