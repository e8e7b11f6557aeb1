#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Graceful restart: a gateway that is killed, or ends to come back, is not missed by the others; what it does not
announce any more goes when it is back; and one that ends for good is gone at once."""

import signal
import sys
import threading

import interop
from interop import Gateway, address, check, need, peer, wait_known, wait_until

CLIENTS = ("g1", "g2", "g3")


class Watch:
    """Looks at what a gateway has of another, all the time."""

    def __init__(self, by, of):
        self.by, self.of, self.gaps, self.looks = by, of, 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.over.is_set():
            self.gaps += self.of not in self.by.sites()
            self.looks += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_unused):
        need(kind is not None or self.thread.is_alive(), f"{self.by.name} could be looked at to the end")
        self.over.set()
        self.thread.join()


def own(gateway, by):
    """Prefixes of a gateway as another one has them."""
    router = interop.router_id(gateway.name)
    return sorted(route["prefix"] for route in by.routes() if route["originator"] == router)


def is_fresh(gateway, by):
    """The other one has exactly what the gateway announces."""
    return own(gateway, by) == sorted(prefix for prefix, _attribute in gateway.announced())


def restart(gateway, by, number, what):
    with Watch(by, gateway.name) as watch:
        gateway.end(number)
        wait_until("a few looks", lambda: watch.looks > 10, interop.PATIENCE)
        kept = own(gateway, by)
        gateway.start()
        wait_until(f"{by.name} has what {gateway.name} announces", lambda: is_fresh(gateway, by), interop.PATIENCE)
        wait_until(f"{gateway.name} knows all", lambda: gateway.sites() == sorted(CLIENTS), interop.PATIENCE)
    check(len(kept) == 3, f"{what}: its routes stay while it is away", kept)
    check(watch.gaps == 0, f"{what}: the others' views had it all the time", f"{watch.gaps} of {watch.looks}")


def main():
    kind = interop.REFLECTORS[sys.argv[-1]]
    kind("r1", CLIENTS, options=kind.RESTART).start()
    gateways = [Gateway(name, [peer("reflector", "r1", local=address(name), restart_time="60 s")]).start()
                for name in CLIENTS]
    wait_known(gateways)
    check(all("graceful-restart" in gateway.peer("reflector")["capabilities"] for gateway in gateways),
          "both sides agreed on it", gateways[0].peer("reflector"))
    restart(gateways[0], gateways[1], signal.SIGKILL, "killed")
    restart(gateways[0], gateways[1], signal.SIGUSR1, "restarted")
    gateways[0].services = []
    gateways[0].configure()
    restart(gateways[0], gateways[1], signal.SIGKILL, "killed, and with less to offer")
    check(len(own(gateways[0], gateways[1])) == 2, "what it does not offer any more is gone", own(*gateways[:2]))
    gateways[0].end()
    wait_known(gateways[1:])
    check(True, "ended for good: gone at once")
    gateways[0].start()
    wait_known(gateways)
    return gateways


interop.run(main)
