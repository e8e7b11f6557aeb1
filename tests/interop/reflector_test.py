#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three gateways that know each other only through a route reflector: what they announce arrives as it was, and
goes when it is withdrawn or its announcer is cut off, nothing else."""

import sys

import interop
from interop import Gateway, check, note, peer, wait_until

CLIENTS = ("g1", "g2", "g3")
ANYCAST = "fd00:5e::1/128"


def is_known(gateway, others):
    """The gateway has all routes of these others and opened what they carry."""
    return gateway.sites() == sorted({gateway.name, *others})


def wait_known(gateways):
    names = [gateway.name for gateway in gateways]
    for gateway in gateways:
        wait_until(f"{gateway.name} knows {names}", lambda gateway=gateway: is_known(gateway, names), interop.PATIENCE)


def settled(gateways):
    """Every path that one announces is with every other, octet by octet, and nothing else is."""
    own = {gateway.name: gateway.announced() for gateway in gateways}
    wanted = {gateway.name: sorted(path for name, paths in own.items() if name != gateway.name for path in paths)
              for gateway in gateways}
    found = {gateway.name: gateway.learned() for gateway in gateways}
    return found == wanted and (own, wanted)


def identical(gateways):
    """Announcements change by themselves (they are repeated), so the comparison is tried until both sides are at rest."""
    own, _wanted = wait_until("all paths and attributes are the same everywhere", lambda: settled(gateways),
                              interop.PATIENCE)
    octets = sum(len(attribute) // 2 for paths in own.values() for _prefix, attribute in paths)
    check(True, "every path arrives, with every octet of its attribute")
    note(f"{sum(map(len, own.values()))} paths of {octets} octets")
    anycast = [prefix for prefix, _attribute in gateways[0].learned() if prefix == ANYCAST]
    check(len(anycast) == len(gateways) - 1, "of an anycast address the path of each site", anycast)


def withdrawn(gateways):
    """A site that ends takes its paths with it, by CEASE; one that is cut off when its hold time has passed."""
    gateways[2].end()
    wait_known(gateways[:2])
    check(gateways[0].learned_names() == ["g2"], "a gateway that ended took its paths and no other",
          gateways[0].learned_names())
    gateways[2].start()
    wait_known(gateways)
    interop.cut("g3")
    wait_known(gateways[:2])
    check(gateways[0].learned_names() == ["g2"], "so did one that was cut off", gateways[0].learned_names())
    interop.mend("g3")
    wait_known(gateways)
    check(True, "and it came back")


def main():
    interop.REFLECTORS[sys.argv[1]]("r1", CLIENTS).start()
    gateways = [Gateway(name, [peer("reflector", "r1", local=interop.address(name))]).start() for name in CLIENTS]
    wait_known(gateways)
    identical(gateways)
    withdrawn(gateways)
    return gateways


interop.run(main)
