#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks of all sorts while gateways die at random moments: whatever becomes of them, it is definite, and
the books are right. LAB_SEED and LAB_ROUNDS repeat or prolong it."""

import json
import os
import random
import time

import lab

ROUNDS = int(os.environ.get("LAB_ROUNDS", "8"))
SEED = int(os.environ.get("LAB_SEED", "0")) or random.SystemRandom().getrandbits(32)
REASONS = {None, "LOST", "NO_ANSWER", "NO_CAPACITY", "PRICE_ROSE", "EXPIRED", "REFUSED", "TIME_LIMIT", "CANCELLED",
           "NOT_SUPPORTED", "TABLE_FULL", "UNKNOWN_SERVICE"}


def submit(chance, tasks):
    """One task of a random sort; a network that is just coming back may refuse it."""
    client = chance.choice(("client-a", "client-b"))
    flags = ["--need", f"cpu {chance.randint(1, 3)}", "--for", "5 s"]
    if chance.random() < 0.7:
        flags += ["--region", chance.choice(("town-a", "town-b", "plain", "mountain"))]
    if chance.random() < 0.6:
        flags += lab.bandwidth()
    done = lab.busbar("--json", "run", "--service", "hold", "--input", "-", *flags, node=client,
                      text_in=f"{chance.uniform(0.05, 1.5):.2f}\n")
    if done.returncode == 0:
        tasks.append((client, json.loads(done.stdout)["task"]))
        if chance.random() < 0.15:
            lab.busbar("task", "cancel", tasks[-1][1], node=client)


def upset(chance):
    """One or two gateways die, or are ended in order, and sooner or later come back."""
    victims = chance.sample(lab.GATEWAYS, chance.choice((1, 1, 2)))
    time.sleep(chance.uniform(0, 0.5))
    for victim in victims:
        lab.order(chance.choice(("kill", "kill", "stop")), victim)
    time.sleep(chance.choice((0, chance.uniform(0, 1.5))))
    for victim in victims:
        lab.order("start", victim)
    return "+".join(victims)


def main():
    chance = random.Random(SEED)
    tasks, victims, outcomes = [], [], {}
    lab.note(f"LAB_SEED={SEED}")
    lab.wait_converged()
    for _round in range(ROUNDS):
        for _each in range(chance.randint(1, 3)):
            submit(chance, tasks)
        victims.append(upset(chance))
    lab.note(f"gone meanwhile: {' '.join(victims)}")
    lab.wait_converged()
    for client, task in tasks:
        found = lab.settled(task, client, 60)
        outcomes.setdefault(lab.error_of(found), []).append(task)
    lab.note(f"tasks: { {str(reason): len(named) for reason, named in outcomes.items()} }")
    lab.check(len(tasks) >= ROUNDS / 2, "most demands were taken on", len(tasks))
    lab.check(set(outcomes) <= REASONS, "every task is settled, done or with a reason", outcomes)
    lab.check(outcomes.get(None), "some were done all the same", outcomes)
    lab.check_at_rest("after all that", 30)


lab.run(main)
