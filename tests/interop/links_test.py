#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two gateways with a link that is no BGP session, and a third without one, behind a reflector: the link is announced
because it is measured, the kernel gets routes to the neighbour alone, and a path is found over it."""

import subprocess

import interop
from interop import Bird, Gateway, address, check, peer, wait_known, wait_until

CLIENTS = ("g1", "g2", "g3")


def link(name, to):
    return f"""links:
  - {{name: {to}, site: {interop.NAMES.index(to) + 1}, interface: lan, local: "{address(name)}", remote: "{address(to)}",
     capacity: 100 Mbit/s, bgp: false}}
"""


def links(gateway):
    return sorted((site["name"], found["toward"]) for site in gateway.document("view")["sites"]
                  for found in site["links"])


def kernel_route(gateway, site):
    """The kernel's route to a site's locator."""
    return subprocess.run(interop.within(gateway.name, "ip", "-6", "route", "show", "table", "all",
                                         f"fc00:0:{site:x}::/48"), check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    Bird("r1", CLIENTS).start()
    neighbours = {"g1": "g2", "g2": "g1"}
    gateways = [Gateway(name, [peer("reflector", "r1", local=address(name))],
                        extra=link(name, neighbours[name]) if name in neighbours else "").start() for name in CLIENTS]
    wait_known(gateways)
    for gateway in gateways:
        wait_until(f"{gateway.name} knows the link", lambda gateway=gateway:
                   links(gateway) == [("g1", "g2"), ("g2", "g1")], interop.PATIENCE)
    check(True, "a link without a session is announced once it is measured")
    route = wait_until("a route to the neighbour", lambda: kernel_route(gateways[0], 2), interop.PATIENCE)
    check(f"via {address('g2')} dev lan" in route, "the kernel has a route to the neighbour's locator", route)
    check(kernel_route(gateways[0], 3) == "", "and none to what is no neighbour's", kernel_route(gateways[0], 3))
    path = gateways[0].document("trace", "g2")
    check([hop["toward"] for hop in path["hops"]] == ["g2", "g1"], "a path leads over the link", path)
    check(not gateways[0].document("trace", "g3")["reachable"], "and none to the third")
    return gateways


interop.run(main)
