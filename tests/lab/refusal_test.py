#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two edges decide at once, each by a view that does not know of the other: the owner takes one and refuses the
other, whose ingress tries the next candidate, and waits for one when there is none."""

import json
import subprocess

import lab

CLIENTS = ("client-a", "client-b")
ROUNDS = 5
CAUSES = ("NO_CAPACITY", "PRICE_ROSE")


def race(count, seconds, *flags):
    """Starts `count` tasks of so many seconds at each client at the same moment; (client, task) of each that was
    taken on."""
    runs = [(node, subprocess.Popen(lab.within(node, lab.BUSBAR, "--json", "run", "--service", "hold", "--input", "-",
                                               *flags), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True))
            for _each in range(count) for node in CLIENTS]
    for _node, run in runs:
        run.stdin.write(f"{seconds}\n")
        run.stdin.close()
    tasks = []
    for node, run in runs:
        found = json.loads(run.stdout.read())
        run.wait()
        if "task" in found:
            tasks.append((node, found["task"]))
    return tasks


def outcomes(tasks):
    return [lab.settled(task, node)["parts"][0] for node, task in tasks]


def refusals():
    return sum(found["programs_refused"].get(cause, 0) for found in lab.status().values() for cause in CAUSES)


def is_idle(flags):
    """Nothing is taken, and nobody is under suspicion any more for what it refused before."""
    return not any(lab.taken(lab.view(node)) for node in CLIENTS) and \
        all("suspect" not in lab.busbar("--json", "quote", "--service", "hold", *flags, node=node).stdout
            for node in CLIENTS)


def race_until_refused(seconds, flags):
    """Rounds until an owner refused somebody: who is asked first, and when others hear of it, is chance."""
    for _round in range(ROUNDS):
        lab.wait_until("an idle network", lambda: is_idle(flags))
        before = refusals()
        parts = outcomes(race(1, seconds, *flags))
        if len(parts) == 2 and refusals() > before:
            return parts
    raise lab.Unmet(f"no refusal in {ROUNDS} rounds")


def last_cores():
    """Room for one at the nearer site, for the other at the farther one."""
    flags = ("--need", "cpu 8", "--for", "5 s", "--prefer", "latency", "--region", "plain", "--region", "mountain")
    parts = race_until_refused(0.5, flags)
    lab.check(sorted(part["site"] for part in parts) == ["dc-1", "hpc-1"], "one is taken, the other goes elsewhere",
              parts)
    lab.check(sorted(part["attempts"] for part in parts) == [1, 2], "by the crank-back of its ingress", parts)
    lab.check(all(part["state"] == "done" for part in parts), "and both are done", parts)
    counted = lab.status()["dc-1"]["programs_refused"]
    lab.check(any(counted.get(cause, 0) > 0 for cause in CAUSES), "the owner counted its refusal", counted)


def no_other_for_a_moment():
    """Room for one at one site only, but soon again: the other waits."""
    parts = race_until_refused(0.5, ("--need", "cpu 8", "--for", "5 s", "--region", "plain"))
    lab.check(all(part["state"] == "done" for part in parts), "who waits for the only candidate is done as well", parts)
    lab.check(max(part["attempts"] for part in parts) > 1, "by another attempt", parts)


def no_other():
    """Room for one at one site only, for long: the other is refused for the owner's reason, and pays nothing."""
    parts = race_until_refused(8, ("--need", "cpu 8", "--for", "10 s", "--region", "plain"))
    states = sorted(part["state"] for part in parts)
    lab.check(states == ["done", "failed"], "one is done, the other refused", parts)
    loser = next(part for part in parts if part["state"] == "failed")
    lab.check(loser["error"]["name"] in CAUSES, "with the owner's reason", loser["error"])
    lines = [line for node in CLIENTS for line in lab.document("bill", node=node)["lines"]
             if line["program"] == loser["program"]]
    lab.check(not lines, "and is billed nothing", lines)


def crowd():
    """Six at once where six fit: all are served, wherever their first choice was."""
    flags = ("--need", "cpu 4", "--for", "5 s", "--prefer", "latency", "--region", "plain", "--region", "mountain",
             *lab.bandwidth())
    lab.wait_until("an idle network", lambda: is_idle(flags))
    parts = outcomes(race(3, 0.5, *flags))
    lab.check(len(parts) == 6 and all(part["state"] == "done" for part in parts), "six that fit are six that are done",
              [(part["site"], part["attempts"], part["error"]) for part in parts])
    lab.note("attempts: " + " ".join(str(part["attempts"]) for part in parts))
    at_dc = sum(part["site"] == "dc-1" for part in parts)
    lab.check(at_dc == 2, "two of them at the nearer site, as fit there", at_dc)


def main():
    lab.wait_converged()
    last_cores()
    no_other_for_a_moment()
    no_other()
    crowd()
    lab.check_at_rest("in the end")


lab.run(main)
