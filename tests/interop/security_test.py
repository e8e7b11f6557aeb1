#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP MD5 and GTSM with a reflector that asks for both: who has the password and is one hop away gets in, who has
another password, none, or comes with any lower hop limit does not."""

import sys

import interop
from interop import Gateway, PASSWORD, address, check, peer, wait_until

CLIENTS = ("g1", "g2", "g3")


def gateway(name, **security):
    return Gateway(name, [peer("reflector", "r1", local=address(name), **security)])


def tries(found):
    """How often it has gone about it, by its log."""
    return found.log().count("event=retry-timer")


def is_up(found):
    return found.peer("reflector")["state"] == "established"


def check_refused(found, why):
    """It keeps trying, and comes to nothing."""
    before = tries(found)
    wait_until(f"{found.name} tries again", lambda: tries(found) >= before + 3, interop.PATIENCE)
    check(not is_up(found) and "new=established" not in found.log(), f"{why}: refused", found.peer("reflector"))
    found.end()


def main():
    kind = interop.REFLECTORS[sys.argv[1]]
    kind("r1", CLIENTS, options=kind.SECURITY).start()
    right = gateway("g1", password=PASSWORD, hops=1).start()
    wait_until("the session is up", lambda: is_up(right), interop.PATIENCE)
    check(True, "password and hop limit are right: up")
    check_refused(gateway("g2", password="another", hops=1).start(), "another password")
    check_refused(gateway("g2", hops=1).start(), "no password")
    check_refused(gateway("g3", password=PASSWORD).start(), "a lower hop limit")
    check(is_up(right) and right.peer("reflector")["flaps"] == 0, "the others did it no harm")
    shown = right.busbar("--operator", "--json", "bgp", "peers").stdout + right.log()
    check(PASSWORD not in shown, "the password is nowhere to be read")
    return [right]


interop.run(main)
