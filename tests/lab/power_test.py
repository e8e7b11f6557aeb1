#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Power losses under load: gateways are killed at random points while 500 demands a second come in, and what they
had written but not synced is taken from them. No grant that a client was told of is forgotten, no reservation
outlives its time, every task ends once, the books are right.

power_test.py [POINTS]; LAB_SEED repeats a run as far as chance allows."""

import collections
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import lab

POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
SEED = int(os.environ.get("LAB_SEED", "0")) or random.SystemRandom().getrandbits(32)
LOAD = os.path.join(lab.BUILD, "bench", "load")
LIBRARY = os.path.join(lab.BUILD, "tests", "tools", "libunsynced.so")
DAEMON = os.path.join(lab.BUILD, "src", "daemon", "busbard")
os.environ.update(UNSYNCED_LIBRARY=LIBRARY, UNSYNCED_DAEMON=DAEMON)
CLIENTS = {"client-a": "edge-a", "client-b": "edge-b"}
# In lab.py these are the journal's numbers.
DONE, SETTLED = 5, 9
# Longest time from a start to new grants in every stream.
BOUND = 20
BLOCK, CHUNK = 512, 1 << 18
# Share of the granted reservations that may end early, with a cause: what expired where nobody could refresh it.
LOST = 0.01
# The most time a reservation of these streams holds anything after its ingress has gone.
HELD = 4
BANDWIDTH = "bandwidth up 20 kbit/s down 20 kbit/s burst 2 kB; "
# Kind of demand, demands a second of each client, statements.
STREAMS = {
    "plain": ("reserve", 80, f'service "hold"; reserve for 3 s; region "plain"; {BANDWIDTH}'),
    "mountain": ("reserve", 60, f'service "ocr"; reserve for 2 s; region "mountain"; {BANDWIDTH} need cpu 0.001;'),
    "anywhere": ("reserve", 60, f'service "cloud-render"; reserve for 4 s; {BANDWIDTH} need memory 1 MiB;'),
    "needs": ("reserve", 46, "reserve for 3 s; need cpu 0.002; need memory 1 MiB;"),
    "runs": ("run", 4, 'run "/bin/true"; need cpu 0.02 for 2 s; need memory 16 MiB;'),
}


class Stream:
    """Demands of one kind by one client; what was answered is in its log."""

    def __init__(self, folder, client, name):
        os.makedirs(folder, exist_ok=True)
        self.client, self.name = client, name
        self.path = os.path.join(folder, f"{client}-{name}")
        self.log = f"{self.path}.log"
        self.offset, self.last_grant, self.granted, self.codes = 0, 0, {}, collections.Counter()
        self.process = None

    def __str__(self):
        return f"{self.client} {self.name}"

    def begin(self, seconds):
        kind, rate, statements = STREAMS[self.name]
        with open(f"{self.path}.demand", "w", encoding="utf-8") as stream:
            stream.write(f"demand {self.name} {{ {statements} }}\n")
        with open(f"{lab.FOLDER}/{self.client}/busbar.yaml", encoding="utf-8") as stream:
            text = stream.read()
        found = [re.search(pattern, text, re.M)[1] for pattern in
                 (r'^gateway: "([^"]+)"', r"^key: (\d+)", r'^secret: "([0-9a-f]+)"')]
        words = [LOAD, *found, kind, f"{self.path}.demand", f"rate={rate}", "outstanding=4096", "sockets=2",
                 f"seconds={seconds}", f"log={self.log}"]
        with open(f"{self.path}.out", "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(lab.within(self.client, *words), stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL)

    def read(self):
        """What was answered since the last time."""
        if not os.path.exists(self.log):
            return
        with open(self.log, "rb") as stream:
            stream.seek(self.offset)
            octets = stream.read()
        octets = octets[:octets.rfind(b"\n") + 1]
        self.offset += len(octets)
        for line in octets.decode().splitlines():
            task, at, _state, code = line.split()
            self.codes[int(code)] += 1
            if int(code) == 0:
                self.granted[task] = int(at)
                self.last_grant = int(at)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.read()


class Losses:
    """Takes from killed gateways what they had not synced."""

    def __init__(self):
        self.octets, self.count = collections.Counter(), 0

    def take(self, node):
        state, synced = f"{lab.FOLDER}/{node}/state", f"{lab.FOLDER}/{node}/synced"
        lost = collections.Counter()
        for folder, _folders, names in os.walk(synced):
            for name in names:
                path = os.path.join(folder, name)
                place = state + path[len(synced):]
                if os.path.exists(place):
                    kind = "journal" if "/journal/" in path else "database"
                    lost[kind] += restore(place, path)
                else:  # moved away by a call that the library does not watch: what names are is durable
                    os.unlink(path)
        for name in os.listdir(state):
            if name.endswith("-shm"):
                os.unlink(os.path.join(state, name))
        self.octets.update(lost)
        self.count += lost["journal"] > 0


def restore(place, synced):
    """Makes a file what was synced of it; how many octets of its blocks that changes."""
    changed = 0
    with open(place, "r+b") as file, open(synced, "rb") as shadow:
        while True:
            at = shadow.tell()
            one, other = file.read(CHUNK), shadow.read(CHUNK)
            if not one and not other:
                return changed
            if one == other:
                continue
            changed += sum(max(len(one[i:i + BLOCK]), len(other[i:i + BLOCK])) for i in range(0, CHUNK, BLOCK)
                           if one[i:i + BLOCK] != other[i:i + BLOCK])
            file.seek(at)
            file.write(other)
            if len(other) < CHUNK:
                file.truncate(at + len(other))
            file.seek(at + len(one))


def wait_for_grants(streams, since):
    """Until every stream was granted something after `since`, BOUND at most; how long each took that was."""
    first, end = {}, time.monotonic() + BOUND
    while len(first) < len(streams) and time.monotonic() < end:
        for stream in streams:
            stream.read()
            if stream.last_grant > since:
                first.setdefault(stream, (stream.last_grant - since) / 1e9)
        time.sleep(0.05)
    return first


def lose_power(victim, losses):
    """Takes a gateway down, and what it had not synced with it."""
    lab.order("kill", victim)
    losses.take(victim)


def begin(folder, seconds):
    streams = [Stream(folder, client, name) for client in CLIENTS for name in STREAMS]
    for stream in streams:
        stream.begin(seconds)
    lab.need(len(wait_for_grants(streams, 0)) == len(streams), "no grants at all")
    return streams


def lose_one_after_another(chance, streams):
    """All the points; how long each gateway took to start, and its network to grant again."""
    losses, starts, recoveries, silent, victims = Losses(), [], [], [], collections.Counter()
    for point in range(POINTS):
        victim = lab.GATEWAYS[point] if point < len(lab.GATEWAYS) else chance.choice(lab.GATEWAYS)
        victims[victim] += 1
        time.sleep(chance.uniform(0, 0.6))
        lose_power(victim, losses)
        began = time.monotonic()
        lab.order("start", victim)
        starts.append(time.monotonic() - began)
        first = wait_for_grants(streams, time.time_ns())
        recoveries.append(max(first.values(), default=BOUND))
        silent += [f"point {point + 1}, {victim}: {stream}" for stream in streams if stream not in first]
        lab.note(f"point {point + 1}: {victim}, start {starts[-1]:.2f} s, grants again after {recoveries[-1]:.2f} s")
    lab.note(f"victims: {dict(victims)}")
    lab.note(f"start: {spread(starts)}; grants again in all streams: {spread(recoveries)}")
    lab.check(not silent, f"after every start there are new grants of all sorts within {BOUND} s", "\n".join(silent))
    lab.check(sum(losses.octets.values()) > 0, f"unsynced writes were lost: {dict(losses.octets)} octets, of the journal "
                                            f"at {losses.count} points")
    return losses


def spread(times):
    ordered = sorted(times)
    return f"median {ordered[len(ordered) // 2]:.2f} s, most {ordered[-1]:.2f} s"


# What must be so afterwards.

def open_tasks():
    """Tasks that are not settled, and what gateways still hold."""
    found = [f"{node}: {count} tasks are open" for node in CLIENTS.values()
             for (count,) in lab.rows(node, f"SELECT count(*) FROM task WHERE state <> {SETTLED}") if count]
    return found + holding_gateways(lab.GATEWAYS)


def holding_gateways(nodes, client="client-a"):
    """Those that hold something for a program, or do not answer."""
    states = lab.status(client)
    return [f"{node}: {states.get(node, {}).get('holdings', 'no answer')} holdings" for node in nodes
            if states.get(node, {}).get("holdings") != 0]


def check_tasks(streams):
    """Every task that was acknowledged is there, and ended once; what was granted was held to its end."""
    forgotten, ended = [], collections.Counter()
    ends = {}
    for node in CLIENTS.values():
        ends[node] = {task.lower(): (state, code, count) for task, state, code, count in lab.rows(
            node, "SELECT hex(task.task), part.state, task.code, count(*) FROM task JOIN part USING (task) GROUP BY 1")}
    for stream in streams:
        known = ends[CLIENTS[stream.client]]
        forgotten += [f"{stream}: {task}" for task in stream.granted if task not in known]
        for task in stream.granted:
            state, code, count = known.get(task, (0, 0, 1))
            kind = "run" if stream.name == "runs" else "reservation"
            ended[kind, state, code] += 1
            if count != 1:
                forgotten.append(f"{stream}: {task} has {count} parts")
    lab.check(not forgotten, "no grant that was acknowledged is forgotten", "\n".join(forgotten[:20]))
    lab.note(f"ends of what was acknowledged: { {str(key): count for key, count in sorted(ended.items())} }")
    lost = {key: count for key, count in ended.items() if key[0] == "reservation" and key[1:] != (DONE, 0)}
    share = sum(lost.values()) / max(1, sum(count for key, count in ended.items() if key[0] == "reservation"))
    lab.check(share <= LOST, f"reservations that were acknowledged were held to their end but for {share:.2%}", lost)


def check_ends():
    """What the journals say of all tasks."""
    for node in CLIENTS.values():
        problems = lab.rows(node, f"SELECT hex(task), state, code FROM task WHERE state <> {SETTLED} OR ended = 0")
        problems += lab.rows(node, f"SELECT hex(task), number, state FROM part WHERE state < {DONE}")
        problems += lab.rows(node, "SELECT hex(task), number, state FROM attempt WHERE state <> 4")
        problems += lab.rows(node, "SELECT hex(task.task), parts, count(part.number) FROM task LEFT JOIN part "
                                   "USING (task) GROUP BY 1 HAVING parts <> count(part.number)")
        count = lab.rows(node, "SELECT count(*) FROM task")[0][0]
        lab.check(not problems, f"{node}: all of {count} tasks ended and are settled", problems[:20])


def flows(node):
    """Flows that are in a gateway's kernel."""
    routes = lab.execute(node, "ip", "-6", "route", "show", "table", "all").splitlines()
    return [f"{node}: {line}" for line in routes if " from " in line and "seg6" in line]


def check_rest():
    lab.check_at_rest("after all that", 60)
    found = [line for node in lab.GATEWAYS for line in flows(node)]
    lab.check(not found, "no flow is left in any kernel", "\n".join(found[:20]))


def lose_for_good(folder, losses):
    """An ingress that stays away: what it reserved elsewhere ends by itself, in its time."""
    stream = Stream(os.path.join(folder, "last"), "client-a", "plain")
    stream.begin(60)
    lab.need(wait_for_grants([stream], time.time_ns() + 500_000_000), "no grants at an ingress about to be lost")
    others = [node for node in lab.GATEWAYS if node != "edge-a"]
    lab.check(holding_gateways(["core-1", "core-2", "dc-1"], "client-b"), "an ingress holds something elsewhere")
    lose_power("edge-a", losses)
    stream.end()
    lab.settle_down(f"what a lost ingress had reserved is free within {HELD} s",
                    lambda: holding_gateways(others, "client-b"), HELD)
    lab.order("start", "edge-a")
    return stream


def count(streams, seconds):
    answers = collections.Counter()
    for stream in streams:
        answers.update(stream.codes)
        lab.note(f"{stream}: {len(stream.granted)} granted, others { {key: n for key, n in stream.codes.items() if key} }")
    total = sum(answers.values())
    lab.note(f"{total} demands answered in {seconds:.1f} s, {total / seconds:.0f}/s, {answers[0]} granted")


def main():
    chance = random.Random(SEED)
    lab.note(f"LAB_SEED={SEED}, {POINTS} points")
    lab.wait_converged()
    with tempfile.TemporaryDirectory(prefix="busbar-power-") as folder:
        began = time.monotonic()
        streams = begin(folder, 3600)
        losses = lose_one_after_another(chance, streams)
        for stream in streams:
            stream.end()
        count(streams, time.monotonic() - began)
        lab.settle_down("all tasks are settled and nothing is held", open_tasks, 30)
        streams.append(lose_for_good(folder, losses))
        lab.settle_down("all tasks are settled and nothing is held once more", open_tasks, 30)
        check_tasks(streams)
        check_ends()
        check_rest()


# Hundreds of bursts wait for one another: the links' ceilings leave room for them.
lab.run(main, daemon=os.path.join(lab.HERE, "unsynced.sh"), changes=[("margin: 1 ms", "margin: 20 ms")])
