#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody should send: every bad datagram, demand and program is refused for its own reason, counted, and
changes nothing."""

import hashlib
import hmac
import json
import os
import struct
import subprocess
import sys
import time

import lab
from capture import Capture

# docs/wire.md: requests and replies, TLVs of a demand.
RUN, DOCUMENT, ERROR, TASK, SLICE = 2, 4, 64, 65, 67
LEDGER, TASK_DOCUMENT, BILL = 6, 4, 5
SERVICE, NEED, NEED_TIME, NETWORK_WITHIN, BUDGET, REGION, INPUT = 16, 18, 19, 21, 65, 67, 73
CPU = 0
MAC = 32
IPV6_HEADER = 40
SEGMENT_LIST = IPV6_HEADER + 8
CODES = {"MALFORMED": -2001, "TRUNCATED": -2002, "TOO_LARGE": -2003, "VERSION": -2004, "UNKNOWN_TENANT": -2005,
         "BAD_MAC": -2006, "REPLAYED": -2008, "EXPIRED": -2009, "UNKNOWN_SERVICE": -2010, "AMOUNT_ZERO": -2011,
         "AMOUNT_OVERFLOW": -2013, "BUDGET": -2015, "INFEASIBLE": -2017, "REFUSED": -2018, "NOT_FOUND": -2024,
         "UNKNOWN_FIELD": -2027, "MISSING_FIELD": -2029, "NO_FUNDS": -2040}
NAMES = {code: name for name, code in CODES.items()}
# A reply that is not to come needs some patience.
PATIENCE_MS = 400


def read_client(node):
    """Gateway, key and secret of the tenant, from the client's own configuration."""
    found = {}
    with open(f"{lab.FOLDER}/{node}/busbar.yaml", encoding="utf-8") as stream:
        for line in stream:
            word, _colon, value = line.partition(":")
            found.setdefault(word, value.strip().strip('"'))
    address, _bracket, port = found["gateway"].lstrip("[").partition("]:")
    return address, int(port), int(found["key"]), bytes.fromhex(found["secret"])


def identifier(at=None):
    """A time-ordered identifier (RFC 9562, version 7)."""
    octets = bytearray(int((time.time() if at is None else at) * 1000).to_bytes(6, "big") + os.urandom(10))
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    return bytes(octets)


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def text(words):
    return bytes([len(words)]) + words.encode()


def number(value):
    """Groups of seven bits, the most significant first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, 0x80 | value & 0x7F)
    return bytes(groups)


def demand(service="hold", more=b"", data=b"0.1\n"):
    return tlv(SERVICE, text(service) + text("")) + more + tlv(REGION, text("plain")) + tlv(INPUT, data)


class Sender:
    """Makes datagrams of a tenant, and exchanges them from inside a client's node."""

    def __init__(self, node):
        self.node = node
        self.address, self.port, self.key, self.secret = read_client(node)

    def datagram(self, kind, body, name=None, key=None, secret=None, sent=None, version=1, magic=b"Busb"):
        octets = magic + struct.pack("!BBI", version, kind, self.key if key is None else key)
        octets += identifier() if name is None else name
        octets += struct.pack("!q", time.time_ns() if sent is None else sent) + body
        return octets + hmac.new(secret or self.secret, octets, hashlib.sha256).digest()

    def exchange(self, *datagrams):
        """Sends each from the same port and gives each one's reply, None where none came."""
        script = "import json,socket,sys\n" \
            "s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); r=[]\n" \
            f"s.settimeout({PATIENCE_MS / 1000}); s.connect(({self.address!r},{self.port}))\n" \
            "for line in sys.stdin.read().split():\n" \
            "  s.send(bytes.fromhex(line))\n" \
            "  try: r.append(s.recv(4096).hex())\n" \
            "  except socket.timeout: r.append(None)\n" \
            "print(json.dumps(r))"
        done = subprocess.run(lab.within(self.node, sys.executable, "-c", script), check=False, text=True,
                                  input="\n".join(octets.hex() for octets in datagrams), stdout=subprocess.PIPE)
        return [None if reply is None else bytes.fromhex(reply) for reply in json.loads(done.stdout)]


def reply_of(octets):
    """(type, code by its name) of a reply."""
    if octets is None:
        return None
    kind = octets[5]
    code = struct.unpack("!i", octets[34:38])[0] if kind == ERROR else 0
    return kind, NAMES.get(code, code)


def entries():
    return sum(gateway.get("entries", 0) for gateway in lab.ledger()["gateways"])


def expect(sender, error, what, octets, reply=True):
    """One datagram that is refused with `error`, counted once, and nothing else."""
    before = lab.status()["edge-a"]["requests_refused"]
    found = reply_of(sender.exchange(octets)[0])
    after = lab.status()["edge-a"]["requests_refused"]
    wanted = (ERROR, error) if reply else None
    rises = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    lab.check(found == wanted and rises == {error: 1}, f"{what}: {error}{'' if reply else ', no reply'}",
              f"reply {found}, counted {rises}")


def authentication(sender):
    good = sender.datagram(RUN, demand())
    expect(sender, "UNKNOWN_TENANT", "an unknown tenant", sender.datagram(RUN, demand(), key=99))
    expect(sender, "BAD_MAC", "another secret", sender.datagram(RUN, demand(), secret=bytes(32)))
    for place in (12, 40, len(good) - 1):
        flipped = bytearray(good)
        flipped[place] ^= 1
        expect(sender, "BAD_MAC", f"octet {place} of {len(good)} changed", bytes(flipped))
    expect(sender, "BAD_MAC", "the last octet is missing", good[:-1])
    expect(sender, "UNKNOWN_TENANT", "the operator's number of another domain", sender.datagram(RUN, b"", key=0))


def form(sender):
    expect(sender, "MALFORMED", "not our protocol", sender.datagram(RUN, demand(), magic=b"Nusb"))
    expect(sender, "VERSION", "a version to come", sender.datagram(RUN, demand(), version=9))
    expect(sender, "MALFORMED", "an unknown type", sender.datagram(33, demand()))
    expect(sender, "MALFORMED", "a reply in place of a request",
           sender.datagram(TASK, identifier() + b"\0" + struct.pack("!i", 0)), reply=False)
    expect(sender, "TRUNCATED", "three octets", b"Bus", reply=False)
    expect(sender, "TRUNCATED", "a header and nothing else", sender.datagram(RUN, b"")[:-MAC], reply=False)
    expect(sender, "TRUNCATED", "a field that is cut", sender.datagram(RUN, demand()[:-2]))
    expect(sender, "TOO_LARGE", "more than a packet holds",
           sender.datagram(RUN, demand(data=b"x" * 1024, more=tlv(17, b"\1" + number(400) + b"y" * 400))))
    expect(sender, "TOO_LARGE", "more than the daemon reads", sender.datagram(RUN, b"z" * 4000), reply=False)
    expect(sender, "TOO_LARGE", "too much input", sender.datagram(RUN, demand(data=b"x" * 1025)))
    expect(sender, "UNKNOWN_FIELD", "a field that is to be understood", sender.datagram(RUN, demand(more=tlv(60, b""))))
    expect(sender, "MALFORMED", "fields out of order",
           sender.datagram(RUN, tlv(REGION, text("plain")) + tlv(SERVICE, text("hold") + text(""))))
    expect(sender, "MALFORMED", "a control character",
           sender.datagram(RUN, tlv(SERVICE, text("ho\nld") + text(""))))
    expect(sender, "MISSING_FIELD", "a demand for nothing", sender.datagram(RUN, tlv(REGION, text("plain"))))


def time_and_use(sender):
    hour = 3600 * 10**9
    expect(sender, "EXPIRED", "sent an hour ago", sender.datagram(RUN, demand(), sent=time.time_ns() - hour))
    expect(sender, "EXPIRED", "sent in an hour", sender.datagram(RUN, demand(), sent=time.time_ns() + hour))
    expect(sender, "EXPIRED", "named in an hour", sender.datagram(RUN, demand(), identifier(time.time() + 3600)))
    name = identifier()
    first = sender.datagram(RUN, demand(), name)
    replies = [reply_of(reply) for reply in sender.exchange(first, first, first)]
    lab.check(replies == [(TASK, 0)] * 3, "the same octets again are the same task", replies)
    expect(sender, "REPLAYED", "another demand of the same name", sender.datagram(RUN, demand("ocr"), name))
    expect(sender, "REPLAYED", "the same octets from elsewhere", first)
    lab.check(lab.error_of(lab.settled(name.hex())) is None, "the task itself is done")
    tasks = lab.document("task", "list")["tasks"]
    lab.check([task["task"] for task in tasks] == [name.hex()], "and is the only one", tasks)


def meaning(sender):
    def need(amount, kind=CPU):
        return tlv(NEED, bytes([kind, 0]) + amount)
    expect(sender, "UNKNOWN_SERVICE", "an unknown service", sender.datagram(RUN, demand("nothing")))
    expect(sender, "AMOUNT_ZERO", "no cores", sender.datagram(RUN, demand(more=need(number(0)))))
    expect(sender, "AMOUNT_OVERFLOW", "2^63 cores", sender.datagram(RUN, demand(more=need(number(1 << 63)))))
    expect(sender, "MALFORMED", "cores in a long form", sender.datagram(RUN, demand(more=need(b"\x80\x01"))))
    expect(sender, "MALFORMED", "an unknown kind", sender.datagram(RUN, demand(more=need(number(1), 99))))
    expect(sender, "INFEASIBLE", "more cores than there are",
           sender.datagram(RUN, demand(more=need(number(1000 * 1000000)))))
    expect(sender, "INFEASIBLE", "nearer than light",
           sender.datagram(RUN, demand(more=tlv(NETWORK_WITHIN, number(1000)))))
    poor = tlv(SERVICE, text("hold") + text("")) + tlv(BUDGET, number(1)) + tlv(REGION, text("plain"))
    expect(sender, "BUDGET", "a budget of one nano-unit", sender.datagram(RUN, poor))
    long = need(number(8 * 1000000)) + tlv(NEED_TIME, number(10**7 * 10**9))
    expect(sender, "NO_FUNDS", "more than the account has", sender.datagram(RUN, demand(more=long)))


def rights(sender):
    def ask(document, about=bytes(16)):
        return sender.datagram(DOCUMENT, bytes([document]) + about + struct.pack("!IQ", 0, 0))
    expect(sender, "REFUSED", "a tenant asks for the ledger", ask(LEDGER))
    expect(sender, "NOT_FOUND", "a task that nobody has", ask(TASK_DOCUMENT, identifier()))
    found = reply_of(sender.exchange(ask(BILL))[0])
    lab.check(found is not None and found[0] == SLICE, "its own bill it gets", found)


def command_line():
    """The command's own complaints: each says what is wrong, and nothing is sent."""
    before = lab.status()["edge-a"]["requests_refused"]
    wrong = [("--need", "cpu 0"), ("--need", "cpu -1"), ("--need", "cpu 99999999999999999999"),
             ("--need", "memory 1 parsec"), ("--need", "coffee 1"), ("--budget", "-1"), ("--up", "5 apples"),
             ("--network-within", "0 ms"), ("--region", "")]
    said = []
    for words in wrong:
        done = lab.busbar("run", "--service", "hold", *words)
        said.append(done.stderr.strip())
        lab.check(done.returncode != 0 and not done.stdout and done.stderr.count("\n") >= 1,
                  f"{' '.join(words)!r}: {done.stderr.strip()}", done)
    reasons = {complaint.rpartition(":")[2] for complaint in said[:5]}
    lab.check(len(reasons) == 5, "zero, negative, too large, unknown unit and unknown kind are told apart", said)
    lab.check(lab.status()["edge-a"]["requests_refused"] == before, "and the gateway never heard of any of it")


SEND_RAW = "import socket,sys\n" \
    "s=socket.socket(socket.AF_INET6,socket.SOCK_RAW,socket.IPPROTO_RAW)\n" \
    "for line in sys.stdin.read().split():\n" \
    "  b=bytes.fromhex(line); s.sendto(b,(socket.inet_ntop(socket.AF_INET6,b[24:40]),0))\n"


def inject(node, *packets):
    """Whole packets, from inside a gateway's node, where they are routed like any other."""
    done = subprocess.run(lab.within(node, sys.executable, "-c", SEND_RAW), check=False, text=True,
                              input="\n".join(octets.hex() for octets in packets))
    lab.need(done.returncode == 0, f"raw packets at {node}")


def capture_program():
    """A program packet as it came to core-1's reserve, of a task that is over."""
    with Capture("core-1") as capture:
        lab.settled(lab.hold(0.1, "--region", "plain", *lab.bandwidth()))
    return next(packet for packet in capture.packets
                if packet.interface == "edge-a" and not packet.out and packet.current() == (3, "reserve"))


def expect_packet(error, what, octets, table="packets_refused"):
    before = lab.refused("core-1", table, error)
    inject("core-1", octets)
    try:
        lab.wait_until(what, lambda: lab.refused("core-1", table, error) == before + 1, 2)
        lab.check(True, f"a program with {what}: {error}")
    except lab.Unmet:
        lab.check(False, f"a program with {what}: {error}", lab.status()["core-1"])


def flip(packet, place, bit=1, *further):
    octets = bytearray(packet.octets)
    for at in (place, *further):
        octets[at] ^= bit
    return bytes(octets)


def programs():
    packet = capture_program()
    before = entries()
    # The program TLV: type, length, version, key, identifier, ...; the program's MAC; the HMAC TLV, which ends
    # with its key and its MAC.
    identifier_at, mac_at = packet.tlvs + 4, packet.end - 40 - 20
    expect_packet("BAD_PROGRAM_MAC", "a changed authentication code", flip(packet, mac_at))
    expect_packet("BAD_PROGRAM_MAC", "another identifier", flip(packet, identifier_at + 15))
    expect_packet("BAD_PROGRAM_MAC", "another input", flip_payload(packet))
    expect_packet("BAD_SEGMENT_MAC", "another site as its target", flip(packet, SEGMENT_LIST + 16 + 5))
    expect_packet("BAD_SEGMENT_MAC", "a changed MAC of its segments", flip(packet, packet.end - 1))
    expect_packet("MALFORMED", "two keys", flip(packet, packet.tlvs + 3, 0x40))
    expect_packet("UNKNOWN_KEY", "another key", flip(packet, packet.tlvs + 3, 0x40, packet.end - 33))
    expect_packet("VERSION", "another version", flip(packet, packet.tlvs + 2, 0x40))
    expect_packet("MALFORMED", "more segments left than there are", flip(packet, IPV6_HEADER + 3, 0x40))
    expect_packet("TRUNCATED", "its end missing", truncate(packet, 60))
    inject("core-1", packet.octets, packet.octets)
    lab.check_at_rest("a program of a settled task again, twice")
    lab.check(entries() == before, "no program left an entry in a ledger", (before, entries()))


def flip_payload(packet):
    """One bit of the input changed, with a good checksum: the same bit of two words that differ in it."""
    payload = packet.end + 8
    words = [(place, place + 2) for place in range(payload, len(packet.octets) - 3, 2)]
    place, other = next(pair for pair in words if (packet.octets[pair[0]] ^ packet.octets[pair[1]]) & 1)
    octets = bytearray(flip(packet, place))
    octets[other] ^= 1
    return bytes(octets)


def truncate(packet, count):
    """The packet without its last octets, with an honest IPv6 length."""
    octets = bytearray(packet.octets[:-count])
    octets[4:6] = struct.pack("!H", len(octets) - 40)
    return bytes(octets)


def expired_program():
    """A program that its owner first meets after its time: the gateway was deaf when it was sent."""
    prefix = "fc00:0:3:b000::/52"
    lab.execute("core-1", "ip", "-6", "route", "del", prefix)
    packet = capture_program()
    lab.wait_until("its time to pass", lambda: packet.seen + 4 < time.time(), 10)
    lab.execute("core-1", "ip", "-6", "route", "add", prefix, "dev", "busbar0", "proto", "bgp", "metric", "186")
    expect_packet("EXPIRED", "its time over", packet.octets, "programs_refused")
    lab.check(lab.status()["core-1"]["holdings"] == 0, "and reserves nothing")


def main():
    lab.wait_converged()
    sender = Sender("client-a")
    pids = {node["name"]: node["daemon"]["pid"] for node in gateways()}
    before = entries()
    authentication(sender)
    form(sender)
    meaning(sender)
    rights(sender)
    command_line()
    lab.check(entries() == before, "none of it left an entry in a ledger", (before, entries()))
    time_and_use(sender)
    programs()
    expired_program()
    lab.check(pids == {node["name"]: node["daemon"]["pid"] for node in gateways()}, "all daemons live on")
    lab.check_at_rest("in the end")


def gateways():
    return [node for node in lab.lab_status()["nodes"] if node["role"] == "gateway"]


lab.run(main)
