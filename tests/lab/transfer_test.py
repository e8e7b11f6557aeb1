#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A task with bandwidth has its large input and output carried on the path that it reserves, in a guaranteed class,
while everybody else overloads every link in both directions; one without bandwidth takes its chance."""

import json
import os
import re
import subprocess
import tempfile
import time

import lab
from capture import Capture

TOPOLOGY = os.path.join(lab.ROOT, "lab", "transfer.yaml")
FLOW = os.path.join(lab.BUILD, "bench", "flow")
CLIENTS = {"client-a": "2001:db8:1::2", "client-c": "2001:db8:2::2", "client-d": "2001:db8:3::2"}
# Each fills one link, one way.
FLOODS = [(a, b) for a in CLIENTS for b in CLIENTS if a != b]
OUTPUTS = [(a, b) for a in ("edge-a", "core-1", "dc-1") for b in ("edge-a", "core-1", "dc-1") if a != b]
FLOOD_RATE, FLOOD_SIZE, SINK_PORT = 16_000_000, 1400, "7001"
RATE, SIZE = 6_000_000, 2_000_000
# Of the reserved rate, for what is inside the packets: headers and encapsulation are a tenth.
SHARE, SHARE_WITHOUT = 0.8, 0.25
GUARANTEED = (46, 40)
EDGE, SITE = "fc00:0:1:8:", "fc00:0:3:8:"
LINK_HEADER = 14
BANDWIDTH = ("--up", f"{RATE // 1_000_000} Mbit/s", "--down", f"{RATE // 1_000_000} Mbit/s")
lab.GATEWAYS = ("edge-a", "core-1", "dc-1")


def is_converged(seen):
    links = [link for site in seen["sites"] for link in site["links"]]
    return len(seen["sites"]) == 3 and len(links) == 6 and all(link["loss_ppm"] < 100000 for link in links)


def drops(node, interface):
    """Frames that best effort has lost at an output."""
    found = re.search(r"dropped (\d+)", lab.execute(node, "tc", "-s", "class", "show", "dev", interface, "classid",
                                                    "1:20"))
    return int(found.group(1)) if found else 0


class Overload:
    """Every link is offered more than it carries, both ways, while a `with` block runs."""

    def __init__(self):
        self.processes = []

    def start(self, node, *words):
        self.processes.append(subprocess.Popen(lab.within(node, FLOW, *words), stdin=subprocess.DEVNULL,
                                               stdout=subprocess.PIPE, text=True))
        return self.processes[-1]

    def __enter__(self):
        before = {output: drops(*output) for output in OUTPUTS}
        for sink in [self.start(node, "sink", address, SINK_PORT) for node, address in CLIENTS.items()]:
            sink.stdout.readline()
        for source, sink in FLOODS:
            self.start(source, "flood", CLIENTS[source], CLIENTS[sink], SINK_PORT, str(FLOOD_RATE), str(FLOOD_SIZE),
                       "120")
        lab.wait_until("overload of all links", lambda: all(drops(*output) > before[output] for output in OUTPUTS))

    def __exit__(self, *_cause):
        for process in self.processes:
            process.kill()
            process.wait()


# Tasks that turn small letters into capitals, or make a large output of nothing.

def submit(command, *flags, text_in=None):
    done = lab.busbar("--json", "run", "--need", "memory 64 MiB", "--region", "plain", *flags, "--run", "--",
                      "/bin/sh", "-c", command, text_in=text_in)
    lab.need(done.returncode == 0, f"run: {done.stderr.strip()}")
    return json.loads(done.stdout)["task"]


def output_of(task):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "output")
        done = lab.busbar("task", "wait", task, "--output", path)
        lab.need(done.returncode == 0, f"task wait: {done.stderr.strip()}")
        with open(path, encoding="ascii") as stream:
            return stream.read()


class Leg:
    """What was seen of one direction of the transfers where it came in at core-1."""

    def __init__(self, packets, interface, prefix):
        self.packets = [packet for packet in packets if packet.interface == interface and not packet.out
                        and packet.inner_destination().startswith(prefix)]
        loaded = [packet for packet in self.packets if packet.inner_payload() > 0]
        self.octets = sum(packet.inner_payload() for packet in loaded)
        # The longest run of packets with content: the blob, without requests and answers around it.
        full = [packet for packet in loaded if packet.inner_payload() > FLOOD_SIZE]
        self.time = full[-1].seen - full[0].seen if full else 0
        self.rate = 8 * sum(packet.inner_payload() for packet in full) / self.time if self.time > 0 else 0
        self.frames_rate = 8 * sum(len(packet.octets) + LINK_HEADER for packet in full) / self.time \
            if self.time > 0 else 0


def check_leg(what, leg, packets, expected):
    marks = {packet.dscp() for packet in packets if packet.inner_destination()}
    lab.note(f"{what}: {leg.octets} octets, {leg.rate / 1e6:.2f} Mbit/s of content, "
             f"{leg.frames_rate / 1e6:.2f} Mbit/s of frames, {RATE / 1e6:.0f} Mbit/s reserved")
    lab.check(leg.octets >= SIZE, f"{what}: all of it passes by the reserved path", leg.octets)
    lab.check(len(marks) == 1 and marks <= set(GUARANTEED), f"{what}: every packet is marked as guaranteed", marks)
    ways = {tuple(packet.functions()) for packet in leg.packets}
    lab.check(ways == {expected}, f"{what}: its segments are those of the path", ways)
    lab.check(leg.rate >= SHARE * RATE, f"{what}: at the reserved rate", leg.rate)
    lab.check(leg.frames_rate <= 1.1 * RATE, f"{what}: and not above it", leg.frames_rate)


def flows(node):
    """Addresses of transfers that have a flow at a node."""
    text = lab.execute(node, "ip", "-6", "route", "show", "table", "187")
    return [line for line in text.splitlines() if EDGE in line and SITE in line]


def with_bandwidth():
    route = lab.execute("dc-1", "ip", "-6", "route", "get", "fc00:0:1::1")
    lab.check(" dev edge-a " in route, "the plain route from the site to the ingress is another link", route)
    with Capture("core-1") as capture:
        task = submit("tr a-z A-Z", *BANDWIDTH, "--input", "-", text_in="abcdefg\n" * (SIZE // 8))
        lab.wait_task(task, ("running",), seconds=20)
        lab.check(len(flows("edge-a")) == 1 and len(flows("dc-1")) == 1, "its transfers are a flow at both ends")
        found = lab.settled(task, seconds=40)
    lab.check(lab.path_of(found) == ["edge-a", "core-1", "dc-1"], "the path goes by core-1", lab.path_of(found))
    lab.check(lab.error_of(found) is None and found["parts"][0]["attempts"] == 1, "done at the first attempt", found)
    lab.check(output_of(task) == "ABCDEFG\n" * (SIZE // 8), "the output is right")
    packets = [packet for packet in capture.packets if packet.inner_destination().startswith((EDGE, SITE))]
    check_leg("input", Leg(packets, "edge-a", SITE), packets, ((2, "end"), (3, "services")))
    check_leg("output", Leg(packets, "dc-1", EDGE), packets, ((2, "end"), (1, "clients")))
    lab.check(not flows("edge-a") and not flows("dc-1"), "nothing of it is left in the kernels")


def without_bandwidth():
    """The same output without bandwidth. Returns the task, which may well be under way still."""
    began = time.monotonic()
    task = submit(f"head -c {SIZE} /dev/zero | tr '\\0' x")
    limit = 8 * SIZE / (SHARE_WITHOUT * RATE)
    while time.monotonic() < began + limit and lab.task(task)["state"] not in ("done", "settled"):
        time.sleep(0.2)
    elapsed = time.monotonic() - began
    lab.note(f"without bandwidth: at most {8 * SIZE / elapsed / 1e6:.2f} Mbit/s of content in {elapsed:.1f} s")
    lab.check(elapsed >= limit, "without bandwidth it is far slower", elapsed)
    return task


def main():
    lab.wait_until("the view", lambda: is_converged(lab.view()))
    with Overload():
        with_bandwidth()
        task = without_bandwidth()
    found = lab.settled(task, seconds=60)
    lab.check(lab.error_of(found) is None and output_of(task) == "x" * SIZE, "but it comes", found)
    lab.settle_down("the ledgers prove balance, metered equals billed, escrow 0", lab.unsettled, 15)
    lab.settle_down("every claim has exactly one receipt",
                    lambda: [problem for node in lab.GATEWAYS for problem in lab.receipt_problems(node)], 15)
    lab.settle_down("all that is offered is free", lambda: lab.taken(lab.view()), 15)


lab.run(main, topology=TOPOLOGY)
