#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A site whose links are cut is avoided within three probe intervals by all ingresses that probe it, and by one that does
not when routing has given it up; it is used again when it is back. Without routing demands are placed."""

import datetime
import json
import re
import time

import lab

SITE, SITE_ID = "dc-1", "5.1"
NEIGHBOURS = ("core-1", "core-2")
HOLD = 9  # seconds, of the topology
ROUND_TRIP_MS = 16  # the longer of both
EDGES = {"edge-a": "client-a", "edge-b": "client-b"}
ROUNDS = 3
# What a machine that does other things may add, in the best of the rounds.
SLACK_MS = 100
PLAIN = ("--service", "hold", "--region", "plain")


def rules(drops):
    return "table inet outage {\n" + "".join(
        f"chain {hook} {{ type filter hook {hook} priority -500; policy accept; {drop}; }}\n"
        for hook, drop in drops.items()) + "}\n"


def cut(node, drops):
    lab.execute(node, "nft", rules(drops))


def mend(node):
    lab.execute(node, "nft", "delete table inet outage")


def cut_links():
    names = "{ " + ", ".join(NEIGHBOURS) + " }"
    cut(SITE, {"prerouting": f"iifname {names} drop", "postrouting": f"oifname {names} drop"})


def quote(node, *words):
    done = lab.busbar("--json", "quote", *words, node=node)
    return json.loads(done.stdout)


def is_placed(node, *words):
    return bool(quote(node, *words)["parts"])


def serve(node="client-a", *words):
    """A run from the client; how it ended."""
    return lab.error_of(lab.settled(lab.hold(0.05, *words, node=node), node=node))


# Times in the log.

def lines_of(node, event):
    return [line for line in lab.log_of(node) if f"event={event} site={SITE_ID}" in line]


def time_of(line):
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()


def outage():
    """Cuts the site off a moment after both ingresses used it; how many ms later than three intervals they noticed."""
    before = {edge: len(lines_of(edge, "silent")) for edge in EDGES}
    back = {edge: len(lines_of(edge, "heard-again")) for edge in EDGES}
    for client in EDGES.values():
        lab.need(serve(client, "--region", "plain") is None, f"{SITE} serves {client}")
    cut_links()
    at = time.time()
    rounds = [noticed(edge, client, before[edge], at) for edge, client in EDGES.items()]
    mend(SITE)
    for edge, client in EDGES.items():
        lab.wait_until("it is heard again", lambda edge=edge: lines_of(edge, "heard-again")[back[edge]:])
        lab.wait_until("it is used again", lambda client=client: is_placed(client, *PLAIN))
    return rounds


def noticed(edge, client, before, at):
    line = lab.wait_until("the silence is noticed", lambda: lines_of(edge, "silent")[before:])[0]
    interval, after = int(re.search(r"interval_ms=(\d+)", line).group(1)), (time_of(line) - at) * 1000
    lab.note(f"{edge}: silent {after:.0f} ms after the cut; interval {interval} ms")
    found = quote(client, *PLAIN)
    avoided = not found["parts"] and "suspect" in [reason["reason"] for reason in found["reasons"]]
    return after - 3 * interval - ROUND_TRIP_MS, avoided, found


def by_segments():
    """Probes pass the gateway between by its End segment, and so do their replies."""
    lab.need(serve("client-a", "--region", "plain") is None, f"{SITE} serves")
    seen = lab.execute("core-1", "timeout", "20", "tcpdump", "-lnni", "any", "-c", "8", "ip6[6] = 43")
    ways = {tuple(re.search(r"(\S+) > (\S+?): RT6 .*segleft=(\d)", line).groups()) for line in seen.splitlines()
            if ": RT6 " in line}
    own, end, site = "fc00:0:1::1", "fc00:0:3:1::", "fc00:0:5::1"
    lab.check(ways == {(own, end, "1"), (own, site, "0"), (site, end, "1"), (site, own, "0")},
              "probes go and come by the segments of their path", seen)


def within_three_intervals():
    rounds = [found for _ in range(ROUNDS) for found in outage()]
    lab.check(all(avoided for _, avoided, _ in rounds), "who probes a site that is cut off avoids it", rounds)
    for place, edge in enumerate(EDGES):
        best = min(late for late, _, _ in rounds[place::len(EDGES)])
        lab.check(best <= SLACK_MS, f"{edge} within three of its intervals and a round trip", f"{best:.0f} ms later")


def knows(node):
    return {site["name"] for site in lab.view(node)["sites"]}


def sessions_lost(node):
    return len({line.split("peer=")[1].split(" ")[0] for line in lab.log_of(node)
                if " session " in line and "old=established" in line})


def within_the_time_of_routing():
    lab.check(not lines_of("edge-b", "silent"), "the other ingress does not probe it")
    lab.need(is_placed("client-b", *PLAIN), f"{SITE} is used from there")
    cut_links()
    began = time.monotonic()
    lab.wait_until("the other ingress avoids it", lambda: not is_placed("client-b", *PLAIN), 3 * HOLD)
    took = time.monotonic() - began
    lab.check(took <= HOLD + 5, "the other ingress does when the hold time is over", f"{took:.1f} s")
    lab.check(serve("client-b") is None, "and what can be elsewhere is")
    # All around it have given it up, and it them: nothing else happens once it is back.
    lab.wait_until("nobody knows of it any more", lambda: knows("client-b") == {"edge-a", "edge-b", "core-1", "core-2",
                                                                                "hpc-1"}, 2 * HOLD)
    lab.wait_until("nor it of anybody", lambda: sessions_lost(SITE) == len(NEIGHBOURS), 2 * HOLD)
    mend(SITE)
    lab.wait_converged()
    lab.check(serve("client-b", "--region", "plain") is None, "when it is back it serves")


def without_routing():
    cut("edge-a", {"prerouting": "tcp dport 179 drop; tcp sport 179 drop"})
    end = time.monotonic() + HOLD - 4
    errors = []
    while time.monotonic() < end:
        errors.append(serve("client-a", "--region", "plain"))
    lab.check(len(errors) > 3 and not any(errors), "without a route feed demands are placed where probes go", errors)
    lab.wait_until("its sessions are given up", lambda: not is_placed("client-a", *PLAIN), 3 * HOLD)
    lab.check(serve("client-a") is None, "and when its sessions are given up, where it can be")
    mend("edge-a")
    lab.wait_until("all is as it was", lambda: is_placed("client-a", *PLAIN), 60)


def main():
    lab.wait_converged()
    by_segments()
    within_the_time_of_routing()
    within_three_intervals()
    without_routing()
    lab.check_at_rest("in the end")


lab.run(main)
