#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An edge that does not map (edge-a) and its controller (core-1): clients notice no difference, tasks and money are at
the controller, paths start at the edge; and while the controller is away the clients are told so."""

import json
import os
import time

import lab

ADDRESS, PORT = "fd00:5e:1::5", "7000"
OUTPUT, INPUT = 100_000, 200_000
CONTROLLER = "3.1"
lab.GATEWAYS = ("edge-a", "edge-b", "core-1", "dc-1")
lab.IDENTITIES = {name: (site, 1) for site, name in enumerate(lab.GATEWAYS, 1)}


def is_converged(seen):
    links = [link for site in seen["sites"] for link in site["links"]]
    return len(seen["sites"]) == 4 and len(links) == 6 and len(seen["services"]) == 2 and \
        all(link["loss_ppm"] < 100000 for link in links)


def quotes():
    words = ("quote", "--service", "echo", "--network-within", "100 ms")
    through, itself = lab.document(*words), lab.document(*words, node="client-b")
    lab.check(through["error"] is None and itself["error"] is None, "a quote through the controller",
              json.dumps(through))
    paths = [plan["parts"][0]["path"]
             for plan in (through, itself)]
    lab.check(paths == [["edge-a", "core-1", "dc-1"], ["edge-b", "core-1", "dc-1"]],
              "its path starts where the client is, as that of an edge that maps", paths)
    done = lab.busbar("quote", "--service", "nothing")
    lab.check(done.returncode != 0 and done.stderr != "", "a refusal comes back with its reason", done.stdout)


def runs():
    done = lab.busbar("run", "--wait", "--output", "-", "--service", "hold", "--input", "-", text_in="0.2\n")
    lab.check(done.returncode == 0 and "held 0.2 s\n" in done.stdout, "a run and its output", done.stdout + done.stderr)
    done = lab.busbar("run", "--wait", "--output", "-", "--need", "memory 64 MiB", "--input", "-", "--run", "--", "/bin/sh", "-c",
                      "wc -c; head -c 10 /dev/zero | tr '\\0' y", text_in="x" * INPUT)
    lab.check(done.returncode == 0 and str(INPUT) in done.stdout, "a large input is there when it is needed",
              done.stdout + done.stderr)
    done = lab.busbar("run", "--wait", "--output", "-", "--need", "memory 64 MiB", "--run", "--", "/bin/sh", "-c",
                      f"head -c {OUTPUT} /dev/zero | tr '\\0' x")
    lab.check(done.returncode == 0 and "x" * OUTPUT in done.stdout, "a large output comes back",
              f"{done.returncode}: {len(done.stdout)} octets {done.stderr}")
    done = lab.busbar("call", "hold", text_in="0.1\n")
    lab.check(done.returncode == 0 and done.stdout == "held 0.1 s\n", "a call", done.stdout + done.stderr)


def documents():
    tasks = lab.document("task", "list")["tasks"]
    lab.check(len(tasks) == 4, "the client's tasks are listed", tasks)
    lab.check({task["anchor"] for task in tasks} == {CONTROLLER}, "they are kept at the controller", tasks)
    lab.check(lab.document("bill")["lines"], "and so is what they cost")
    lab.check(lab.view()["node"] == "edge-a", "the view is the edge's own")


def flow():
    done = lab.busbar("--json", "reserve", "--service", "echo", "--up", "1 Mbit/s", "--down", "1 Mbit/s", "--for", "60 s",
                      "--network-within", "100 ms", "--guaranteed")
    lab.need(done.returncode == 0, f"reserve: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    lab.check(found["anchor"] == CONTROLLER, "a reservation is kept at the controller", found)
    trace = lab.document("trace", "--guarantee", found["task"])
    lab.check(trace["hard"] and [hop["from"] for hop in trace["hops"] if hop["direction"] == "up"] ==
              ["client", "edge-a", "core-1"], "with a hard bound from the client on", trace)
    server = lab.Stream("dc-1", "serve", ADDRESS, PORT)
    client = lab.Stream("client-a", "send", ADDRESS, PORT)
    client.say("0\n")
    time.sleep(0.5)
    client.say("\n")
    arrived = len(client.end()["arrivals"])
    lab.check(arrived > 10 and len(server.end()["arrivals"]) > 10, "the edge sends its traffic along it", arrived)
    lab.check(lab.busbar("release", found["task"]).returncode == 0, "and it is released")
    lab.settled(found["task"])


def controller_away():
    lab.order("kill", "core-1")
    done = lab.busbar("quote", "--service", "echo")
    lab.check(done.returncode != 0 and "answer" in done.stderr, "without its controller the edge says so",
              done.stdout + done.stderr)
    lab.order("start", "core-1")
    lab.wait_until("the view", lambda: is_converged(lab.view()), 40)
    done = lab.busbar("run", "--wait", "--output", "-", "--service", "hold", "--input", "-", text_in="0.1\n")
    lab.check(done.returncode == 0 and "held 0.1 s\n" in done.stdout, "and serves again when it is back",
              done.stdout + done.stderr)


def main():
    for node in ("client-a", "client-b"):
        lab.wait_until(f"the view of {node}", lambda node=node: is_converged(lab.view(node)))
    quotes()
    runs()
    documents()
    flow()
    controller_away()
    lab.settle_down("in the end: the ledgers prove balance, metered equals billed, escrow 0", lab.unsettled, 15)


lab.run(main, topology=os.path.join(lab.ROOT, "lab", "controller.yaml"))
