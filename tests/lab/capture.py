# SPDX-License-Identifier: Apache-2.0
"""Packets with a segment routing header that a node sees: a recorder for inside it, a reader for the test.

As a program, `capture.py FILE` writes one JSON line per packet until it is ended, and "ready" first.
"""

import ctypes
import ipaddress
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import lab

ETH_P_ALL, ETH_P_IPV6 = 3, 0x86DD
PACKET_OUTGOING = 4
IPV6_HEADER, IPV6, ROUTING, UDP, ROUTING_TYPE_SEGMENTS = 40, 41, 43, 17, 4
FUNCTIONS = {0x0000: "address", 0x0001: "end", 0x0006: "services", 0x0007: "clients", 0xB001: "reserve", 0xB002: "claim", 0xB003: "fetch",
             0xB004: "execute", 0xB005: "deliver", 0xB006: "release"}
PROBE_PORT = 862
SO_ATTACH_FILTER, SO_RCVBUFFORCE, BUFFER = 26, 33, 8 << 20
# Classic BPF: load the octet that says what follows the IPv6 header; keep the packet if that is a routing header.
FILTER = ((0x30, 0, 0, 6), (0x15, 0, 1, ROUTING), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0))


def keep_routing_headers(inlet):
    """In the kernel, so that the recorder is not drowned by what nobody asks for."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in FILTER))
    inlet.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(FILTER), ctypes.addressof(program)))
    inlet.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)


def packets_of(inlet):
    """Until the recorder is told to end, and then what had passed by then."""
    signal.signal(signal.SIGTERM, lambda *_: inlet.setblocking(False))
    try:
        while True:
            yield inlet.recvfrom(4096)
    except BlockingIOError:
        return


def record(path):
    inlet = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    keep_routing_headers(inlet)
    packets = packets_of(inlet)
    with open(path, "w", encoding="utf-8") as stream:
        print("ready", file=stream, flush=True)
        for octets, (interface, protocol, kind, *_rest) in packets:
            if protocol != ETH_P_IPV6 or len(octets) < IPV6_HEADER + 8 or octets[6] != ROUTING:
                continue
            print(json.dumps({"interface": interface, "out": kind == PACKET_OUTGOING, "seen": time.time(),
                              "octets": octets.hex()}), file=stream, flush=True)


class Packet:
    """An IPv6 packet with a segment routing header (RFC 8754)."""

    def __init__(self, found):
        self.interface, self.out, self.seen = found["interface"], found["out"], found["seen"]
        self.octets = bytes.fromhex(found["octets"])
        self.destination = self.octets[24:40]
        header = self.octets[IPV6_HEADER:]
        self.routing_type, self.left, last = header[2], header[3], header[4]
        listed = [header[8 + 16 * index:24 + 16 * index] for index in range(last + 1)]
        self.segments = listed[::-1]  # in the order of travel
        self.tlvs = IPV6_HEADER + 8 + 16 * (last + 1)
        self.end = IPV6_HEADER + 8 + 8 * header[1]

    def functions(self):
        """(site number, function) of every segment, in the order of travel."""
        return [(struct.unpack("!H", segment[4:6])[0], FUNCTIONS.get(struct.unpack("!H", segment[6:8])[0], "?"))
                for segment in self.segments]

    def dscp(self):
        return struct.unpack("!H", self.octets[0:2])[0] >> 6 & 63

    def inner(self):
        """The IPv6 packet that travels inside; nothing when there is none."""
        return self.octets[self.end:] if self.octets[IPV6_HEADER] == IPV6 else b""

    def inner_destination(self):
        return str(ipaddress.IPv6Address(self.inner()[24:40])) if self.inner() else ""

    def inner_payload(self):
        """Octets of content of a TCP segment inside."""
        inner = self.inner()
        return struct.unpack("!H", inner[4:6])[0] - (inner[IPV6_HEADER + 12] >> 4) * 4

    def is_program(self):
        return any(function in ("claim", "reserve", "release") for _site, function in self.functions())

    def is_probe(self):
        return self.octets[IPV6_HEADER] == UDP and \
            PROBE_PORT in struct.unpack("!HH", self.octets[self.end:self.end + 4])

    def current(self):
        return self.functions()[len(self.segments) - 1 - self.left]


class Capture:
    """Records at a node while a `with` block runs; afterwards `packets` has what was seen."""

    def __init__(self, node):
        self.node, self.packets, self.recorder = node, [], None
        self.path = os.path.join(lab.FOLDER, f"{node}.capture")

    def lines(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as stream:
            return stream.read().splitlines()

    def __enter__(self):
        self.recorder = subprocess.Popen(lab.within(self.node, sys.executable, os.path.abspath(__file__), self.path))
        lab.wait_until(f"the capture at {self.node}", self.lines)
        return self

    def __exit__(self, *_cause):
        self.recorder.send_signal(signal.SIGTERM)
        self.recorder.wait()
        self.packets = [Packet(json.loads(line)) for line in self.lines()[1:]]
        os.unlink(self.path)


if __name__ == "__main__":
    record(sys.argv[1])
