#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three gateways that know each other only through a route reflector: what they announce arrives as it was."""

import interop
from interop import Gateway, check, peer, wait_until

CLIENTS = ("g1", "g2", "g3")


def sites(gateway):
    return sorted(site["name"] for site in gateway.document("view")["sites"])


def main():
    interop.Bird("r1", CLIENTS).start()
    gateways = [Gateway(name, [peer("reflector", "r1", local=interop.address(name))]).start() for name in CLIENTS]
    for gateway in gateways:
        wait_until(f"{gateway.name} sees all", lambda gateway=gateway: sites(gateway) == sorted(CLIENTS),
                   interop.PATIENCE)
    check(True, "every gateway sees all three sites")
    return gateways


interop.run(main)
