#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients may not send: forged routing headers, programs and answers, sources of the domain. The edge drops
each and counts its cause, nothing of it comes to any gateway's device or front door; kernels inside the domain
drop what has no good MAC over its segments; and all the while clients' own traffic passes."""

import ipaddress
import json
import struct
import subprocess
import sys

import lab
from capture import Capture

ROUTING, FRAGMENT, DESTINATION_OPTIONS, TCP, UDP, ENCAPSULATED, NOTHING = 43, 44, 60, 6, 17, 41, 59
SEGMENTS_ROUTING = 4
END, FUNCTIONS, SERVICES = 0x0001, range(0xB000, 0xB00A), 0x0006
EXCHANGE_PORT, OPERATOR_PORT, TRANSFER_PORT, BGP_PORT, STAMP_PORT = 4180, 4179, 4181, 179, 862
CAUSES = ("routing_header", "source_inside", "destination_inside")
SITES = {name: site for name, (site, _gateway) in lab.IDENTITIES.items()}

SEND_RAW = "import socket,sys\n" \
    "s=socket.socket(socket.AF_INET6,socket.SOCK_RAW,socket.IPPROTO_RAW)\n" \
    "for line in sys.stdin.read().split():\n" \
    "  b=bytes.fromhex(line); s.sendto(b,(socket.inet_ntop(socket.AF_INET6,b[24:40]),0))\n"


def address(text):
    return ipaddress.IPv6Address(text).packed


def segment(site, function, argument=0):
    return address(f"fc00:0:{site:x}::")[:6] + struct.pack("!HQ", function, argument)


def own(site):
    return segment(site, 0, 1)


def ipv6(source, destination, following, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + source + destination + payload


def routing(segments, following, kind=SEGMENTS_ROUTING, tail=b""):
    """A routing header about to travel to the first of the segments."""
    last = len(segments) - 1
    body = b"".join(reversed(segments)) + tail
    return struct.pack("!BBBBBBH", following, len(body) // 8, kind, last, last, 0x08 if tail else 0, 0) + body


def udp(source, destination, port, payload=b"forged"):
    head = struct.pack("!HHHH", port, port, 8 + len(payload), 0)
    covered = source + destination + struct.pack("!II", len(head) + len(payload), UDP) + head + payload
    words = struct.unpack(f"!{len(covered + b'-') // 2}H", covered + b"\0" * (len(covered) % 2))
    total = sum(words) % 0xFFFF
    return head[:6] + struct.pack("!H", (0xFFFF - total) or 0xFFFF) + payload


def tcp(port):
    return struct.pack("!HHIIBBHHH", 50000, port, 1, 0, 5 << 4, 2, 1024, 0, 0)


def send(node, packets):
    done = subprocess.run(lab.within(node, sys.executable, "-c", SEND_RAW), check=False, text=True,
                          input="\n".join(octets.hex() for octets in packets))
    lab.need(done.returncode == 0, f"raw packets at {node}")


def interface_addresses(node):
    found = json.loads(lab.execute(node, "ip", "-6", "-j", "address", "show", "scope", "global"))
    return {interface["ifname"]: interface["addr_info"][0]["local"] for interface in found if interface["addr_info"]}


def device_packets():
    """Packets that every gateway's daemon was given to read."""
    return {node: json.loads(lab.execute(node, "ip", "-s", "-j", "link", "show", "busbar0"))[0]["stats64"]["tx"]["packets"]
            for node in lab.GATEWAYS}


def refusals():
    """What every gateway's rooms have refused."""
    return {node: {table: found[table] for table in ("requests_refused", "packets_refused", "programs_refused")}
            for node, found in lab.status().items()}


def with_routing_header(source, site, kept):
    """Forged programs and answers towards a gateway, by all of its segments; `kept` is an authentic one."""
    payload = udp(source, own(site), EXCHANGE_PORT)
    targets = [segment(site, function, 0) for function in FUNCTIONS] + [segment(site, END), segment(site, SERVICES)]
    packets = [ipv6(source, target, ROUTING, routing([target, own(site)], UDP) + payload) for target in targets]
    packets.append(ipv6(source, own(site), ROUTING, routing([own(site)], UDP) + payload))
    # A MAC over the segments that somebody made up, and one octet of an authentic packet changed, or none.
    hmac = struct.pack("!BBHI", 5, 38, 0, 1) + bytes(32)
    packets.append(ipv6(source, targets[0], ROUTING, routing([targets[0], own(site)], UDP, tail=hmac) + payload))
    packets.append(kept)
    packets.append(kept[:8] + source + kept[24:])
    return packets


def hidden_routing_header(source, outside):
    """Towards somebody outside, of other types, and where one has to look for it."""
    payload = udp(source, outside, EXCHANGE_PORT)
    segments = [outside, segment(SITES["core-1"], 0xB001)]
    header = routing(segments, UDP) + payload
    options = struct.pack("!BBBB", ROUTING, 0, 1, 4) + bytes(4)
    fragment = struct.pack("!BBHI", ROUTING, 0, 1, 7)
    return [ipv6(source, outside, ROUTING, header),
            ipv6(source, outside, ROUTING, routing(segments, UDP, kind=0) + payload),
            ipv6(source, outside, ROUTING, routing(segments[:1], UDP, kind=2) + payload),
            ipv6(source, outside, ROUTING, routing(segments, NOTHING)),
            ipv6(source, outside, DESTINATION_OPTIONS, options + header),
            ipv6(source, outside, FRAGMENT, fragment + header)]


def plain_to_inside(source, site, links):
    """Without any header, towards a gateway's segments, its own address and the ends of its links."""
    targets = [segment(site, function) for function in FUNCTIONS] + [segment(site, END), segment(site, SERVICES, 9)]
    packets = [ipv6(source, target, UDP, udp(source, target, EXCHANGE_PORT)) for target in targets]
    packets += [ipv6(source, own(site), UDP, udp(source, own(site), port)) for port in (EXCHANGE_PORT, STAMP_PORT)]
    packets += [ipv6(source, own(site), TCP, tcp(port)) for port in (BGP_PORT, TRANSFER_PORT, OPERATOR_PORT)]
    inner = ipv6(own(1), own(site), UDP, udp(own(1), own(site), EXCHANGE_PORT))
    packets.append(ipv6(source, segment(site, SERVICES), ENCAPSULATED, inner))
    for link in links:
        packets.append(ipv6(source, address(link), TCP, tcp(BGP_PORT)))
        packets.append(ipv6(source, address(link), UDP, udp(source, address(link), STAMP_PORT)))
    return packets


def from_inside(site, targets, links):
    """With sources that only the domain has."""
    sources = [own(site), segment(site, END), segment(site, 0xB004), *map(address, links)]
    return [ipv6(source, target, UDP, udp(source, target, OPERATOR_PORT)) for source in sources for target in targets]


def expect_drops(client, edge, packets, cause, what):
    """All of the packets are counted at the edge under one cause, and nothing else is."""
    def counts():
        found = lab.document("--operator", "--gateway", f"[fc00:0:{SITES[edge]:x}::1]:{OPERATOR_PORT}", "status")
        return {name: found["gateways"][0]["edge_dropped"].get(name, 0) for name in CAUSES}
    before = counts()
    wanted = {name: before[name] + (len(packets) if name == cause else 0) for name in CAUSES}
    send(client, packets)
    try:
        lab.wait_until(what, lambda: counts() == wanted, 5)
        lab.check(True, f"{client}: {what}: {len(packets)} packets, {cause}")
    except lab.Unmet:
        lab.check(False, f"{client}: {what}: {len(packets)} packets, {cause}", f"{before} {counts()}")


def forge(client, edge, kept):
    source = address(interface_addresses(client)[edge])
    found = interface_addresses(edge)
    listening = address(found[client])
    links = [text for name, text in found.items() if name in lab.GATEWAYS]
    other = address(interface_addresses("client-b" if client == "client-a" else "client-a").popitem()[1])
    for node, site in SITES.items():
        expect_drops(client, edge, with_routing_header(source, site, kept), "routing_header",
                     f"routing headers by {node}")
        expect_drops(client, edge, plain_to_inside(source, site, links), "destination_inside", f"inside of {node}")
        expect_drops(client, edge, from_inside(site, (listening, other), links), "source_inside",
                     f"in the name of {node}")
    expect_drops(client, edge, hidden_routing_header(source, other), "routing_header", "hidden routing headers")


def operators_port(client):
    """The one thing inside that operators' clients may ask is the front door: it reads, refuses and counts."""
    for node in ("edge-a", "core-1", "hpc-1"):
        before = lab.refused(node, "requests_refused", "MALFORMED")
        source, target = address(interface_addresses(client)["edge-a"]), own(SITES[node])
        send(client, [ipv6(source, target, UDP, udp(source, target, OPERATOR_PORT, b"forged" * 20))])
        lab.wait_until(f"the front door of {node}",
                       lambda: lab.refused(node, "requests_refused", "MALFORMED") == before + 1, 5)
        lab.check(True, f"the operators' port of {node} refuses what is no request")


def between_clients():
    """A datagram from one client to the other, through the whole domain."""
    target = interface_addresses("client-b")["edge-b"]
    listen = "import socket,sys\ns=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM)\ns.settimeout(10)\n" \
        "s.bind(('::',7777)); print('ready',flush=True); print(s.recv(99).decode(),flush=True)"
    with subprocess.Popen(lab.within("client-b", sys.executable, "-c", listen), stdout=subprocess.PIPE,
                          text=True) as listener:
        lab.need(listener.stdout.readline() == "ready\n", "a listener at client-b")
        source = address(interface_addresses("client-a")["edge-a"])
        send("client-a", [ipv6(source, address(target), UDP, udp(source, address(target), 7777, b"hello"))])
        lab.check(listener.stdout.readline() == "hello\n", "a client's datagram to another client passes")


def from_the_start(packet):
    """As it was sent: the kernel moves on what it forwards under a recorder's eyes."""
    octets = bytearray(packet.octets)
    octets[43] = len(packet.segments) - 1
    octets[24:40] = packet.segments[0]
    return bytes(octets)


def kernels_check():
    """Inside, a transit gateway's kernel forwards by End only what has a good MAC over its segments."""
    with Capture("core-1") as capture:
        done = lab.busbar("call", "hold", "--region", "plain", text_in="0.1\n")
    lab.check(done.returncode == 0, "a call passes by a transit gateway's End", done)
    packet = next(packet for packet in capture.packets if packet.is_program() and packet.interface == "edge-a"
                  and not packet.out)
    octets, end = from_the_start(packet), packet.end
    lab.check(octets[45] == 0x08 and octets[end - 40:end - 32] == struct.pack("!BBHI", 5, 38, 0, 1),
              "its routing header ends with an HMAC TLV of the domain's key")
    # The flag, the MAC, the key's number, the source.
    forged = [octets[:place] + bytes([octets[place] ^ bit]) + octets[place + 1:]
              for place, bit in ((45, 0x08), (end - 1, 1), (end - 33, 1), (23, 1))]
    before = device_packets()["dc-1"]
    send("edge-a", [*forged, octets])
    lab.wait_until("the authentic packet at dc-1", lambda: device_packets()["dc-1"] > before, 5)
    lab.check(device_packets()["dc-1"] == before + 1,
              "of a packet without a MAC, with another, of another key, of another source, and itself: itself",
              device_packets()["dc-1"] - before)


def authentic_program():
    with Capture("core-1") as capture:
        lab.settled(lab.hold(0.1, "--region", "plain", *lab.bandwidth()))
    return next(packet for packet in capture.packets
                if packet.interface == "edge-a" and not packet.out and packet.current() == (3, "reserve"))


def main():
    lab.wait_converged()
    kept = authentic_program()
    lab.check_at_rest("before")
    packets, said = device_packets(), refusals()
    # The authentic program is the domain's own: its source is the ingress, but it comes from outside.
    for client, edge in (("client-a", "edge-a"), ("client-b", "edge-b")):
        forge(client, edge, kept.octets)
    lab.check(device_packets() == packets, "no gateway's device was given any of it", (packets, device_packets()))
    lab.check(refusals() == said, "no gateway's rooms had anything to refuse", (said, refusals()))
    operators_port("client-a")
    between_clients()
    kernels_check()
    lab.check_at_rest("in the end")


lab.run(main)
