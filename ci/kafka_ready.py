"""For ci/kafka. `kafka_ready.py --ports N`: N free ports of 127.0.0.1. `kafka_ready.py NODES host:port...`: waits until NODES
of these brokers answer a Metadata request and each of them knows NODES live brokers and a controller."""
import contextlib
import socket
import struct
import sys
import time

LIMIT_S = 60


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("closed")
        data += part
    return data


def brokers_known(address):
    """How many live brokers this one knows of (Metadata request, version 1, no topics); 0 when it does not answer."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            request = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = receive(connection, struct.unpack(">i", receive(connection, 4))[0])
    except OSError:
        return 0
    (count,), at = struct.unpack_from(">i", answer, 4), 8
    for _ in range(count):
        at += 4
        for size in (4, 0):  # the host, then its port; the rack
            (length,) = struct.unpack_from(">h", answer, at)
            at += 2 + max(length, 0) + size
    (controller,) = struct.unpack_from(">i", answer, at)
    return count if controller >= 0 else 0


def main():
    if sys.argv[1] == "--ports":
        print(*free_ports(int(sys.argv[2])), sep="\n")
        return 0
    nodes, began = int(sys.argv[1]), time.monotonic()
    while time.monotonic() < began + LIMIT_S:
        if sum(brokers_known(address) >= nodes for address in sys.argv[2:]) >= nodes:
            return 0
        time.sleep(0.05)
    return 1


sys.exit(main())
