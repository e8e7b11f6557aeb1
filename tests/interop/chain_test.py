#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two reflectors in a row, FRR and BIRD, each with its own clients: what passes both is what was sent."""

import interop
from interop import AS, Bird, Frr, Gateway, address, check, peer, wait_known


def main():
    Frr("r1", ("g1", "g2"), more=f""" neighbor {address("r2")} remote-as {AS}
 neighbor {address("r2")} timers connect 1
 address-family ipv6 unicast
  neighbor {address("r2")} activate
  neighbor {address("r2")} addpath-tx-all-paths
 exit-address-family
""").start()
    Bird("r2", ("g3",), more=f"""protocol bgp upward from common {{
  neighbor {address("r1")} as {AS};
  rr client off;
}}
""").start()
    gateways = [Gateway(name, [peer("reflector", reflector, local=address(name))]).start()
                for name, reflector in (("g1", "r1"), ("g2", "r1"), ("g3", "r2"))]
    wait_known(gateways)
    interop.check_identical(gateways)
    gateways[0].end()
    wait_known(gateways[1:])
    check(gateways[2].learned_names() == ["g2"], "a withdrawal passes both", gateways[2].learned_names())
    gateways[0].start()
    wait_known(gateways)
    return gateways


interop.run(main)
