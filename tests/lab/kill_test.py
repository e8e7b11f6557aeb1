#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every gateway of a path is killed while a task runs over it, and started again: the task ends in a definite
state, and nothing is left held, owed, unbilled or running."""

import lab

FOR = ("--need", "cpu 1", "--for", "8 s")
ENDED = ("done", "failed", "settled")
# Client, region and path: every gateway is ingress, transit or site of one of them.
WAYS = {"client-a": ("plain", ["edge-a", "core-1", "dc-1"]), "client-b": ("mountain", ["edge-b", "core-2", "hpc-1"])}


def client_of(victim):
    return next(client for client, (_region, path) in WAYS.items() if victim in path)


def role_of(victim):
    return ("ingress", "transit", "site")[WAYS[client_of(victim)][1].index(victim)]


def begin(client, seconds):
    """A task that runs at its site now, by the path that is wanted."""
    region, path = WAYS[client]
    lab.wait_converged()
    lab.wait_until("an idle network", lambda: not lab.taken(lab.view(client)))
    task = lab.hold(seconds, "--region", region, *FOR, *lab.bandwidth(), node=client)
    lab.wait_until("the run", lambda: lab.processes(path[2]), 5)
    found = lab.wait_task(task, ("granted", "running"), client, 5)
    lab.need(lab.path_of(found) == path, f"the path is {lab.path_of(found)}")
    return task, path


def expect_end(victim, found):
    """What must have become of the task."""
    if role_of(victim) == "site":
        lab.check(found["parts"][0]["state"] == "failed" and lab.error_of(found) == "LOST",
                  f"{victim}: the task is lost with its site", found)
    else:
        lab.check(found["parts"][0]["state"] == "done" and lab.error_of(found) is None,
                  f"{victim}: the task outlives its {role_of(victim)}", found)
    lab.check(found["parts"][0]["attempts"] == 1, f"{victim}: it ran once", found["parts"][0]["attempts"])


def kill_and_start(victim):
    client = client_of(victim)
    task, path = begin(client, 2.5)
    lab.order("kill", victim)
    if role_of(victim) == "site":
        lab.wait_until(f"{victim}: the end of its runs", lambda: not lab.processes(victim), 2)
        lab.check(True, f"{victim}: no run outlives it")
    else:
        lab.check(lab.processes(path[2]), f"{victim}: the run at {path[2]} goes on")
    lab.order("start", victim)
    expect_end(victim, lab.settled(task, client))
    lab.wait_converged()
    lab.check_at_rest(f"{victim} killed and started")


def kill_for_good(victim):
    """The site comes back only after everybody has given the task up."""
    client = client_of(victim)
    task, _path = begin(client, 2.5)
    lab.order("kill", victim)
    found = lab.wait_task(task, ENDED, client, 40)
    lab.check(found["state"] == "failed" and lab.error_of(found) == "LOST",
              f"{victim} stays away: the task ends as lost", found)
    lab.order("start", victim)
    lab.check(lab.error_of(lab.settled(task, client)) == "LOST", f"{victim} comes back: settled, still lost")
    lab.wait_converged()
    lab.check_at_rest(f"{victim} came back late")


def main():
    lab.wait_converged()
    for victim in lab.GATEWAYS:
        kill_and_start(victim)
    kill_for_good("dc-1")


lab.run(main)
