#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP MD5 and GTSM, both ways. A reflector that asks for both lets in who has the password and is one hop away, and
nobody with another password, with none, or from further away; a gateway that asks for them keeps out a reflector
that has neither. What is refused is dropped without an answer: the proof is the count of the kernel that drops it."""

import socket
import struct
import sys

import interop
from interop import PASSWORD, Gateway, address, check, peer, wait_until

CLIENTS = ("g1", "g2", "g3")


def gateway(name, to="r1", **security):
    return Gateway(name, [peer("reflector", to, local=address(name), **security)])


def is_up(found):
    return found.peer("reflector")["state"] == "established"


def check_dropped(found, at, counters, why):
    """The kernel of one side drops what the other sends, and nothing that one of them announces arrives. (A reflector
    may look at the hop limit only once it has accepted: an OPEN can slip through, and the session dies by itself.)"""
    before = interop.drops(at, counters)
    found.start()
    wait_until(f"{why}: dropped", lambda: interop.drops(at, counters) >= before + 2, interop.PATIENCE)
    check(not found.learned(), f"{why}: refused", found.peer("reflector"))
    found.end()


def check_theirs(kind):
    kind("r1", CLIENTS, options=kind.SECURITY).start()
    right = gateway("g1", password=PASSWORD, hops=1).start()
    wait_until("the session is up", lambda: is_up(right), interop.PATIENCE)
    check(True, "password and hop limit are right: up")
    check_dropped(gateway("g2", password="another", hops=1), "r1", ("TCPMD5Failure",), "another password")
    check_dropped(gateway("g2", hops=1), "r1", ("TCPMD5NotFound",), "no password")
    check_dropped(gateway("g3", password=PASSWORD), "r1", ("TCPMinTTLDrop",), "one hop further away")
    check(is_up(right) and right.peer("reflector")["flaps"] == 0, "the others did it no harm")
    check(right.learned_names() == [], "and nothing of theirs came through", right.learned())
    return right


def check_ours(kind):
    kind("r2", CLIENTS).start()
    check_dropped(gateway("g2", "r2", password=PASSWORD), "r2", ("TCPMD5Unexpected",), "only we have a password")
    check_dropped(gateway("g3", "r2", hops=1), "g3", ("TCPMinTTLDrop",), "only we look at the hop limit")


def require_md5():
    """TCP_MD5SIG (14) of linux/tcp.h, with a key for ::1."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tried:
        loopback = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, bytes(15) + b"\1", 0)
        try:
            tried.setsockopt(socket.IPPROTO_TCP, 14, struct.pack("=128sBBHI80s", loopback, 0, 0, 1, 0, b"x"))
        except OSError as failure:
            interop.skip(f"this kernel has no TCP MD5 ({failure.strerror})")


def main():
    require_md5()
    kind = interop.REFLECTORS[sys.argv[-1]]
    interop.put_behind("g3", "x")
    right = check_theirs(kind)
    check_ours(kind)
    shown = right.busbar("--operator", "--json", "bgp", "peers").stdout + right.log()
    check(PASSWORD not in shown, "the password is nowhere to be read")
    return [right]


interop.run(main)
