#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A domain and what is not of it. Two gateways in one AS behind FRR, which also has a session with a foreign AS; and
an eBGP hop inside a domain of two ASes."""

import interop
from interop import AS, Frr, Gateway, address, check, peer, wait_known, wait_until

OTHER = 65010  # of the domain in the second half
FOREIGN = 65099


def frr_with(name, asn):
    """A reflector that also speaks eBGP with a gateway."""
    return Frr("r1", ("g1", "g2"), more=f""" neighbor {address(name)} remote-as {asn}
 neighbor {address(name)} passive
 address-family ipv6 unicast
  neighbor {address(name)} activate
  neighbor {address(name)} addpath-tx-all-paths
 exit-address-family
""")


def check_confined():
    """The domain is one AS: its routes do not leave it by way of FRR, and by way of ours without the attribute."""
    reflector = frr_with("g3", FOREIGN).start()
    inside = [Gateway("g1", [peer("reflector", "r1", local=address("g1")),
                             peer("foreign", "g3", asn=FOREIGN, local=address("g1"))]).start(),
              Gateway("g2", [peer("reflector", "r1", local=address("g2"))]).start()]
    outside = Gateway("g3", [peer("frr", "r1", local=address("g3")),
                             peer("direct", "g1", local=address("g3"))], asn=FOREIGN).start()
    for gateway in inside:
        wait_until(f"{gateway.name} knows both", lambda gateway=gateway: gateway.sites() == ["g1", "g2"],
                   interop.PATIENCE)
    wait_until("all sessions are up", lambda: all(outside.peer(name)["state"] == "established"
                                                  for name in ("frr", "direct")), interop.PATIENCE)
    seen = wait_until("routes of g1 outside", outside.learned, interop.PATIENCE)
    check({attribute for _prefix, attribute in seen} == {""}, "outside the domain the attribute is stripped", seen)
    check({prefix for prefix, _attribute in seen} == {prefix for prefix, _attribute in inside[0].announced()},
          "routes are told without it", seen)
    wait_until("g3 tells FRR", lambda: any(route["peer"] == "reflector" and route["origin_as"] == FOREIGN
                                           for route in inside[1].routes()), interop.PATIENCE)
    found = [route for route in outside.routes() if route["peer"] == "frr"]
    check(not found, "NO_EXPORT: none leaves by way of FRR", found)
    check(outside.sites() == ["g3"] and inside[1].sites() == ["g1", "g2"], "nobody believes the other domain")
    for gateway in (*inside, outside):
        gateway.end()
    reflector.end()


def check_two():
    """The domain is two ASes: attributes pass the eBGP hop, octet by octet."""
    frr_with("g3", OTHER).start()
    members = (AS, OTHER)
    gateways = [Gateway("g1", [peer("reflector", "r1", local=address("g1"))], members=members).start(),
                Gateway("g2", [peer("reflector", "r1", local=address("g2"))], members=members).start(),
                Gateway("g3", [peer("frr", "r1", local=address("g3"))], asn=OTHER, members=members).start()]
    wait_known(gateways)
    interop.check_identical(gateways)
    check({route["origin_as"] for route in gateways[2].routes() if route["peer"]} == {AS}, "by way of eBGP")
    return gateways


def main():
    check_confined()
    return check_two()


interop.run(main)
