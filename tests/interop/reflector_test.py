#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three gateways that know each other only through a route reflector: what they announce arrives as it was, and
goes when it is withdrawn or its announcer is cut off, nothing else."""

import sys

import interop
from interop import Gateway, check, peer, wait_known, wait_until

CLIENTS = ("g1", "g2", "g3")


def check_withdrawal(gateways):
    """A service that is no longer offered goes alone; a site that ends takes all its paths, by CEASE; one that is cut
    off when its hold time has passed."""
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


def check_metrics(gateway):
    found = gateway.metrics()
    check(found['busbar_bgp_peer_established{peer="reflector"}'] == 1 and found["busbar_view_sites"] == 3,
          "/metrics is OpenMetrics and tells of the peer and the view", found)


def check_log(gateway):
    """Every change of a session's state: from, by, to."""
    states = [line for line in gateway.log().splitlines() if " old=" in line]
    check(states and all(" event=" in line and " new=" in line for line in states), "states change on the record",
          states)
    check(any("new=established" in line for line in states), "up to established", states)


def main():
    interop.REFLECTORS[sys.argv[-1]]("r1", CLIENTS).start()
    gateways = [Gateway(name, [peer("reflector", "r1", local=interop.address(name))]).start() for name in CLIENTS]
    wait_known(gateways)
    interop.check_identical(gateways)
    check_metrics(gateways[0])
    check_withdrawal(gateways)
    check_log(gateways[0])
    return gateways


interop.run(main)
