#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A transit gateway whose function segments are gone executes nothing: what needs it goes another way, or is
refused for that reason. What does not need it passes."""

import json

import lab

DENIAL = ("ip", "-6", "route", "del")


def disable(node):
    lab.execute(node, *DENIAL, f"fc00:0:{lab.IDENTITIES[node][0]}:b000::/52")


def other_way():
    disable("core-1")
    found = lab.settled(lab.hold(0.1, "--region", "plain", *lab.bandwidth()))
    part = found["parts"][0]
    lab.check(lab.error_of(found) is None and part["state"] == "done", "the demand is served", found)
    lab.check(part["attempts"] == 2, "at the second attempt", part["attempts"])
    lab.check(lab.path_of(found) == ["edge-a", "core-2", "dc-1"], "by the other transit gateway", lab.path_of(found))
    lab.check(any(reason["site"] == "edge-a" for reason in part["plan"]["reasons"]), "other sites have their reasons",
              part["plan"]["reasons"])
    lines = [line for line in lab.document("bill")["lines"] if line["task"] == found["task"]]
    touched = {line["site"] for line in lines} | {line.get("toward") for line in lines}
    lab.check("core-1" not in touched and "core-2" in touched, "nothing of the first attempt is billed", lines)


def still_forwards():
    # Its silence is held against it for a while.
    lab.wait_until("core-1 above suspicion", lambda: "core-1" in first_path(), 15)
    done = lab.busbar("call", "hold", "--region", "plain", text_in="0.1\n")
    task = lab.document("task", "list")["tasks"][0]["task"]
    lab.check(done.returncode == 0 and "core-1" in lab.path_of(lab.settled(task)),
              "without bandwidth the kernel of core-1 still does", done.stderr)


def no_way():
    disable("core-2")
    task = lab.hold(0.1, "--region", "plain", *lab.bandwidth())
    found = lab.settled(task)
    lab.check(found["parts"][0]["state"] == "failed" and lab.error_of(found) == "NO_ANSWER",
              "with both gone the demand is refused for want of an answer", found)
    lab.check(found["parts"][0]["attempts"] == 2, "after both were tried", found["parts"][0]["attempts"])
    lab.check(found["charge"] == "0", "and costs nothing", found["charge"])
    quote = lab.busbar("--json", "quote", "--service", "hold", "--region", "plain", *lab.bandwidth())
    lab.check(quote.returncode == 1 and '"suspect"' in quote.stdout, "the next quote knows why", quote.stdout)


def first_path():
    quote = lab.busbar("--json", "quote", "--service", "hold", "--region", "plain", *lab.bandwidth())
    found = json.loads(quote.stdout)
    return found["parts"][0]["path"] if found["parts"] else []


def main():
    lab.wait_converged()
    other_way()
    lab.check_at_rest("after the failover")
    still_forwards()
    no_way()
    lab.check_at_rest("in the end")


lab.run(main)
