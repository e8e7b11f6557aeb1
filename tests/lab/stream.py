# SPDX-License-Identifier: Apache-2.0
"""A numbered stream of datagrams and who sends it back, each in a node of a lab; all nodes have one clock.

    stream.py serve ADDRESS PORT            sends back what comes, until its standard input ends
    stream.py send ADDRESS PORT [COMMAND]   sends from when a line is read until the next one; with a command,
                                            which begins together with the stream

What came is written to standard output at the end, as JSON: lists of number, when it came, and from where."""

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

FREEBIND, SIZE, PACE = 78, 160, 0.004


def take(flow):
    data, sender = flow.recvfrom(2048)
    return data, (struct.unpack_from("!I", data)[0], time.monotonic(), sender[0]), sender


def make():
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)


def serve(address, port):
    flow, arrivals = make(), []
    flow.setsockopt(socket.IPPROTO_IPV6, FREEBIND, 1)
    flow.bind((address, port))
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([flow, sys.stdin], [], [])
        if flow in ready:
            data, arrival, sender = take(flow)
            arrivals.append(arrival)
            flow.sendto(data, sender)
        elif not sys.stdin.readline():
            return {"arrivals": arrivals}


def drain(flow, arrivals, patience):
    """Takes what comes within the time."""
    end = time.monotonic() + patience
    while select.select([flow], [], [], max(end - time.monotonic(), 0))[0]:
        arrivals.append(take(flow)[1])


def send(address, port, words):
    flow, arrivals, sent, done = make(), [], 0, None
    print("ready", flush=True)
    first = int(sys.stdin.readline())
    began = due = time.monotonic()
    command = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) if words else None
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            flow.sendto(struct.pack("!I", first + sent).ljust(SIZE, b"."), (address, port))
        except OSError:
            pass  # an earlier one was answered by: no route
        sent += 1
        due += PACE
        drain(flow, arrivals, due - time.monotonic())
        if command is not None and done is None and command.poll() is not None:
            done = time.monotonic()
    ended = time.monotonic()
    drain(flow, arrivals, 0.2)
    output = command.communicate()[0].decode() if command else ""
    return {"arrivals": arrivals, "began": began, "ended": ended, "sent": sent, "done": done,
            "status": command.returncode if command else 0, "output": output}


def main():
    what, address, port, *words = sys.argv[1:]
    found = serve(address, int(port)) if what == "serve" else send(address, int(port), words)
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os.close(1)


main()
