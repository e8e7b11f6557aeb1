#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The configuration read again: what changed changes, sessions that did not change stay up, and what is wrong or needs
a restart is refused as a whole."""

import signal

import interop
from interop import Bird, Gateway, address, check, peer, wait_known, wait_until


def since(gateway, name):
    """A session that has stayed up: when it came up, and how often it was lost."""
    found = gateway.peer(name)
    return found["state"], found["flaps"], found["sent"]["open"]


def names(gateway):
    return sorted(found["name"] for found in gateway.document("bgp", "peers")["peers"])


def reload(gateway):
    done = gateway.busbar("--operator", "reload")
    return done.returncode, (done.stdout + done.stderr).strip()


def price(gateway, of):
    return next(service["price"] for service in gateway.document("view")["services"] if service["site"] == of)


def check_peers(gateway, other):
    """Another reflector is added, its routes come; the first one's session does not notice, and goes when it is
    taken away."""
    before = since(gateway, "one")
    gateway.peers = [peer("one", "r1", local=address("g1")), peer("two", "r2", local=address("g1"))]
    gateway.configure()
    check(reload(gateway) == (0, "bgp.peers"), "a peer more", gateway.log()[-500:])
    wait_until("the new session", lambda: gateway.peer("two")["state"] == "established", interop.PATIENCE)
    check(since(gateway, "one") == before, "the session that did not change stays up", gateway.peer("one"))
    wait_until("routes by both", lambda: {route["peer"] for route in gateway.routes()} == {None, "one", "two"},
               interop.PATIENCE)
    second = since(gateway, "two")
    gateway.peers = gateway.peers[1:]
    gateway.configure()
    reload(gateway)
    wait_until("one peer", lambda: names(gateway) == ["two"], interop.PATIENCE)
    wait_until("routes by the other alone", lambda: {route["peer"] for route in gateway.routes()} == {None, "two"},
               interop.PATIENCE)
    check(since(gateway, "two") == second and gateway.sites() == ["g1", "g2"], "a peer less: only its routes went")
    check(other.sites() == ["g1", "g2"], "and the others know us by the new way")


def check_policy(gateway, other):
    """A policy that forbids the clients' prefix withdraws it from the session as it is."""
    before = since(gateway, "two")
    prefix = f"2001:db8:c:{gateway.site:x}::/64"
    seen = lambda: prefix in [route["prefix"] for route in other.routes() if route["peer"]]  # noqa: E731
    wait_until("the prefix is known", seen, interop.PATIENCE)
    gateway.peers = [peer("two", "r2", local=address("g1"), export="no-clients")]
    gateway.extra = """  policies:
    - {name: no-clients, otherwise: permit, rules: [{action: deny, prefix: "2001:db8:c::/48"}]}
"""
    gateway.configure()
    code, said = reload(gateway)
    check(code == 0 and "bgp.policies" in said, "a policy for it", said)
    wait_until("the prefix is gone", lambda: not seen(), interop.PATIENCE)
    check(since(gateway, "two") == before, "the session stays up")
    check(other.sites() == ["g1", "g2"], "and so does everything else")


def check_price(gateway, other):
    """A service's price, by SIGHUP this time."""
    gateway.service_price = "0.25"
    gateway.configure()
    gateway.process.send_signal(signal.SIGHUP)
    wait_until("the other site sees the new price", lambda: price(other, "g1") == "0.25", interop.PATIENCE)
    check("event=reloaded key=services[0].price" in gateway.log(), "a price: told to everybody, and logged")


def check_refusals(gateway):
    """Nothing of it is taken, also not what would have been fine by itself."""
    before = since(gateway, "two")
    gateway.service_price = "0.5"
    gateway.peers = [peer("two", "r2", local=address("g1"), export="none-such")]
    gateway.configure()
    code, said = reload(gateway)
    check(code == 1 and "bgp.peers[0].export: no such policy" in said, "what is wrong is refused, with the place", said)
    gateway.peers = [peer("two", "r2", local=address("g1"))]
    gateway.cores = 2
    gateway.configure()
    code, said = reload(gateway)
    check(code == 1 and "supply.cores: changes only with a restart" in said, "so is what needs a restart", said)
    gateway.cores, gateway.peers = 1, []
    gateway.configure()
    code, said = reload(gateway)
    check(code == 1 and "bgp: changes only with a restart" in said, "so is the end of all peers", said)
    check(price(gateway, "g1") == "0.25" and since(gateway, "two") == before, "as a whole")
    done = gateway.busbar("reload", config=interop.write("tenant.client", gateway.client(1, interop.SECRET)))
    check(done.returncode == 1 and "refused" in done.stderr, "and a tenant may not ask for it",
          done.stdout + done.stderr)


def main():
    Bird("r1", ("g1", "g2")).start()
    Bird("r2", ("g1", "g2")).start()
    gateways = [Gateway("g1", [peer("one", "r1", local=address("g1"))]).start(),
                Gateway("g2", [peer("one", "r1", local=address("g2")), peer("two", "r2", local=address("g2"))]).start()]
    wait_known(gateways)
    check_peers(*gateways)
    check_policy(*gateways)
    check_price(*gateways)
    check_refusals(gateways[0])
    return gateways


interop.run(main)
