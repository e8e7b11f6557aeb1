# SPDX-License-Identifier: Apache-2.0
"""What the interoperability tests share: a network of their own, gateways in it, and other people's BGP daemons.

A script calls run(main). It is started again in network, mount and process namespaces of its own, in which all that
it makes has plain names and disappears with it, whatever ends it:

    g1   g2   g3   r1   r2   x         a namespace each: gateways, reflectors, a foreign network
     |    |    |    |    |    |
   --+----+----+----+----+----+--      one bridge, 2001:db8:1::/64

Gateways have no links: all that they know of each other came through a daemon that knows nothing of them.
"""

import ipaddress
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))
# pylint: disable=wrong-import-position
from lab import Unmet, check, need, note, points, require_root, skip, wait_until  # noqa: E402,F401

BUILD = os.path.abspath(os.environ.get("LAB_BUILD", "build"))
BUSBARD = os.path.join(BUILD, "src", "daemon", "busbard")
BUSBAR = os.path.join(BUILD, "src", "cli", "busbar")
INSIDE = "INTEROP_INSIDE"
SECRET = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
AS = 65000
PATIENCE = 30
PASSWORD = "not-to-be-seen"
ANYCAST = "fd00:5e::1/128"
NAMES = ("g1", "g2", "g3", "r1", "r2", "x")

folder = None
started = []


def address(name):
    return f"2001:db8:1::{NAMES.index(name) + 1:x}"


def router_id(name):
    return f"10.0.0.{NAMES.index(name) + 1}"


def path(*parts):
    return os.path.join(folder, *parts)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as stream:
        stream.write(text)
    return path(name)


def read(name):
    try:
        with open(path(name), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def ip(*words):
    done = subprocess.run(["ip", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    need(done.returncode == 0, f"ip {' '.join(words)}: {done.stdout.strip()}")


def within(name, *words):
    return ["nsenter", f"--net=/run/netns/{name}", "--", *words]


def start(name, log, *words, **options):
    """A process in a namespace, which ends with the test; its output goes to a file."""
    with open(path(log), "ab") as stream:
        process = subprocess.Popen(within(name, *words), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                                   **options)
    started.append(process)
    return process


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.wait(timeout=PATIENCE)
    started.remove(process)


def make_network():
    ip("link", "set", "lo", "up")
    ip("link", "add", "bridge", "type", "bridge")
    ip("link", "set", "bridge", "up")
    for name in NAMES:
        ip("netns", "add", name)
        ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "lan", "netns", name)
        ip("link", "set", f"to-{name}", "master", "bridge", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "address", "add", f"{address(name)}/64", "dev", "lan", "nodad")
        ip("-n", name, "link", "set", "lan", "up")


def put_behind(name, router):
    """Moves a node behind a router, one hop from the bridge; it keeps its address, for which the router answers."""
    ip("link", "delete", f"to-{name}")
    ip("-n", router, "link", "add", "far", "type", "veth", "peer", "name", "lan", "netns", name)
    for key in ("all/forwarding", "lan/proxy_ndp"):
        subprocess.run(within(router, "sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{key}"), check=True)
    ip("-n", router, "address", "add", "fe80::1/64", "dev", "far", "nodad")
    ip("-n", router, "link", "set", "far", "up")
    ip("-n", router, "route", "add", address(name), "dev", "far")
    ip("-n", router, "neighbour", "add", "proxy", address(name), "dev", "lan")
    ip("-n", name, "address", "add", f"{address(name)}/128", "dev", "lan", "nodad")
    ip("-n", name, "link", "set", "lan", "up")
    ip("-n", name, "route", "add", "default", "via", "fe80::1", "dev", "lan")


def drops(name, counters):
    """What TCP in a namespace has dropped, of these causes (/proc/net/netstat)."""
    done = subprocess.run(within(name, "cat", "/proc/net/netstat"), check=True, stdout=subprocess.PIPE, text=True)
    names, values = (line.split()[1:] for line in done.stdout.splitlines() if line.startswith("TcpExt:"))
    found = dict(zip(names, map(int, values)))
    return sum(found[counter] for counter in counters)


def cut(name):
    """The node's line is pulled."""
    ip("link", "set", f"to-{name}", "down")


def mend(name):
    ip("link", "set", f"to-{name}", "up")


# Gateways.

def peer(name, to, asn=AS, **more):
    """A line of bgp.peers."""
    words = {"name": name, "local": f'"{more.pop("local")}"', "remote": f'"{address(to)}"', "as": asn, **more}
    return "{" + ", ".join(f"{key.replace('_', '-')}: {value}" for key, value in words.items()) + "}"


def wait_known(gateways):
    """Each has the routes of all these others and has opened what they carry, and has no other's."""
    names = sorted(gateway.name for gateway in gateways)
    offers = sorted((service, gateway.name) for gateway in gateways for service in gateway.services)
    for gateway in gateways:
        wait_until(f"{gateway.name} knows {names}", lambda gateway=gateway:
                   gateway.sites() == names and gateway.offers() == offers, PATIENCE)


def settled(gateways):
    """Every path that one announces is with every other, octet by octet, and nothing else is."""
    own = {gateway.name: gateway.announced() for gateway in gateways}
    wanted = {gateway.name: sorted(path for name, paths in own.items() if name != gateway.name for path in paths)
              for gateway in gateways}
    return {gateway.name: gateway.learned() for gateway in gateways} == wanted and own


def check_identical(gateways):
    """Announcements are repeated, each time with another sequence: compared until both sides are at rest."""
    own = wait_until("all paths and attributes are the same everywhere", lambda: settled(gateways), PATIENCE)
    octets = sum(len(attribute) // 2 for paths in own.values() for _prefix, attribute in paths)
    check(octets > 0, "every path arrives, with every octet of its attribute")
    note(f"{sum(map(len, own.values()))} paths, {octets} octets of attributes")
    anycast = [prefix for prefix, _attribute in gateways[0].learned() if prefix == ANYCAST]
    check(len(anycast) == len(gateways) - 1, "of an anycast address the path of each site", anycast)


class Gateway:
    """One busbard with a service, without links."""

    def __init__(self, name, peers, asn=AS, members=(), extra=""):
        self.name, self.site, self.asn = name, NAMES.index(name) + 1, asn
        self.peers, self.members, self.extra = peers, members, extra
        self.services, self.service_price, self.cores = ["echo"], "0", 1
        self.process = None
        write(f"{name}.client", self.client(2, SECRET[::-1]))
        self.configure()

    @staticmethod
    def client(key, secret):
        """A client's configuration whose operator has this key."""
        return (f'gateway: "[::1]:4179"\ntenant: demo\nkey: 1\nsecret: {SECRET}\n'
                f"operator: {{key: {key}, secret: {secret}}}\n")

    def configure(self):
        services = "".join(f"\n  - {{name: {service}, address: \"fd00:5e::{1 + index}\", command: [/bin/cat],"
                           f" price: {self.service_price}}}"
                           for index, service in enumerate(self.services)) or " []"
        lines = "".join(f"\n    - {line}" for line in self.peers) or " []"
        write(f"{self.name}.yaml", f"""node: {self.name}
identity: {{site: {self.site}, gateway: 1}}
locator: "fc00:0:{self.site:x}::/48"
state: {path(self.name + ".state")}
cgroup: busbar-interop-{os.environ[INSIDE]}-{self.name}
gflops-per-core: 10
domain:
  members: [{", ".join(map(str, self.members or (self.asn,)))}]
  keys: [{{id: 1, secret: {SECRET}}}]
bgp:
  as: {self.asn}
  router-id: {int(ipaddress.IPv4Address(router_id(self.name)))}
  hold: 9 s
  minimum-interval: 50 ms
  peers:{lines}
{self.extra}access: [{{listen: "[::1]:4179", prefix: "2001:db8:c:{self.site:x}::/64"}}]
supply: {{cores: {self.cores}, memory: 1 GiB, resources: [{{kind: cpu, price: 0.00002, tariff: 0.00003}}]}}
services:{services}
tenants:
  - {{name: demo, key: 1, secret: {SECRET}, balance: 100}}
  - {{name: operator, key: 2, secret: {SECRET[::-1]}, operator: true}}
""")

    def start(self):
        ready, told = os.pipe()
        self.process = start(self.name, f"{self.name}.log", BUSBARD, "--config", path(f"{self.name}.yaml"),
                             "--log-level", "info", "--ready-fd", str(told), pass_fds=(told,))
        os.close(told)
        with os.fdopen(ready) as stream:
            need(stream.readline() == "ready\n", f"{self.name} starts:\n{self.log()[-2000:]}")
        return self

    def end(self, number=signal.SIGTERM):
        end(self.process, number)

    def busbar(self, *words, config=None):
        command = within(self.name, BUSBAR, "--config", config or path(f"{self.name}.client"), *words)
        return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def document(self, *words):
        done = self.busbar("--operator", "--json", *words)
        need(done.returncode == 0, f"{self.name}: busbar {' '.join(words)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def log(self):
        return read(f"{self.name}.log")

    def sites(self):
        return sorted(site["name"] for site in self.document("view")["sites"])

    def offers(self):
        return sorted((service["name"], service["site"]) for service in self.document("view")["services"])

    def routes(self):
        return self.document("bgp", "routes")["routes"]

    def announced(self):
        """(prefix, attribute) of all that it says itself."""
        return sorted((route["prefix"], route["attribute"] or "") for route in self.routes() if route["peer"] is None)

    def learned(self):
        return sorted((route["prefix"], route["attribute"] or "") for route in self.routes() if route["peer"])

    def learned_names(self):
        """Whose paths it has, by originator (inside one AS)."""
        return sorted({NAMES[int(route["originator"].split(".")[3]) - 1] for route in self.routes() if route["peer"]})

    def metrics(self):
        """The lines of /metrics, once they are OpenMetrics and no other text."""
        read_it = "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1]).read().decode())"
        command = within(self.name, sys.executable, "-c", read_it, "http://[::1]:4183/metrics")
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        need(done.returncode == 0, f"{self.name}: /metrics: {done.stderr.strip()[-200:]}")
        return open_metrics(done.stdout)

    def peer(self, name):
        return next(found for found in self.document("bgp", "peers")["peers"] if found["name"] == name)


LABEL = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'


def open_metrics(text):
    """{sample with its labels: value}; Unmet where the text breaks the format (openmetrics.io 1.0)."""
    lines, families, samples, family = text.split("\n"), {}, {}, None
    need(lines[-2:] == ["# EOF", ""], "metrics end with # EOF")
    for line in lines[:-2]:
        meta = re.fullmatch(r"# (TYPE|UNIT|HELP) ([a-z_][a-z0-9_]*) (.+)", line)
        if meta:
            kind, name, what = meta.groups()
            if kind == "TYPE":
                need(name not in families and what in ("counter", "gauge"), f"metrics: {line}")
                need(not name.endswith("_total"), f"metrics: {line}")
                family, families[name] = name, what
            need(name == family, f"metrics: out of place: {line}")
            need(kind != "UNIT" or name.endswith("_" + what), f"metrics: {line}")
            continue
        sample = re.fullmatch(rf"([a-z_][a-z0-9_]*)(\{{{LABEL}(?:,{LABEL})*\}})? (-?[0-9.e+-]+|NaN|[+-]Inf)", line)
        need(sample, f"metrics: no sample: {line}")
        need(family and sample.group(1) == family + ("_total" if families[family] == "counter" else ""),
             f"metrics: of no family: {line}")
        key = sample.group(1) + (sample.group(2) or "")
        need(key not in samples, f"metrics: twice: {line}")
        samples[key] = float(sample.group(3))
    return samples


# Other people's daemons.

def find_program(name, package):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/frr")
    if found is None:
        skip(f"{name} is not installed (package {package})")
    return found


class Bird:
    """BIRD: `clients` of the same AS get everything from each other, with ADD-PATH."""

    # Passive: a connection of each side would collide, and one of them be counted as lost.
    SECURITY = f'  password "{PASSWORD}"; ttl security on; passive yes;\n'
    RESTART = "  graceful restart on; graceful restart time 60;\n"

    def __init__(self, name, clients, more="", options=""):
        self.name, self.clients, self.more, self.options = name, clients, more, options
        self.program = find_program("bird", "bird2")

    def start(self):
        sessions = "".join(f"protocol bgp {client} from common {{ neighbor {address(client)} as {AS}; }}\n"
                           for client in self.clients)
        write(f"{self.name}.conf", f"""log "{path(self.name + ".log")}" all;
router id {router_id(self.name)};
protocol device {{ }}
template bgp common {{
  local {address(self.name)} as {AS};
  rr client; rr cluster id {router_id(self.name)};
  error wait time 1, 2; error forget time 5; connect delay time 1; connect retry time 1;
  direct;
  enable extended messages yes;
{self.options}  ipv6 {{ import all; export all; add paths yes; }};
}}
{sessions}{self.more}""")
        self.process = start(self.name, f"{self.name}.out", self.program, "-f", "-c", path(f"{self.name}.conf"), "-s",
                             path(f"{self.name}.control"))
        return self

    def end(self, number=signal.SIGTERM):
        end(self.process, number)


class GoBgp:
    """GoBGP, the same."""

    SECURITY = f'''  [neighbors.ttl-security.config]
    enabled = true
    ttl-min = 255
'''
    RESTART = """  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
"""

    def __init__(self, name, clients, options=""):
        self.name, self.clients, self.options = name, clients, options
        self.restart = "    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = true\n" \
            if options is self.RESTART else ""
        self.password = f'    auth-password = "{PASSWORD}"\n' if options is self.SECURITY else ""
        self.program = find_program("gobgpd", "gobgpd")

    def start(self):
        sessions = "".join(f"""
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{address(client)}"
    peer-as = {AS}
{self.password}  [neighbors.timers.config]
    idle-hold-time-after-reset = 1
    connect-retry = 1
  [neighbors.transport.config]
    passive-mode = true
    local-address = "{address(self.name)}"
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "{router_id(self.name)}"
{self.options}  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
{self.restart}    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 16
""" for client in self.clients)
        write(f"{self.name}.toml", f"""[global.config]
  as = {AS}
  router-id = "{router_id(self.name)}"
{sessions}""")
        self.process = start(self.name, f"{self.name}.log", self.program, "-f", path(f"{self.name}.toml"),
                             "--api-hosts", "127.0.0.1:50051", "-l", "warn")
        return self

    def end(self, number=signal.SIGTERM):
        end(self.process, number)


class Frr:
    """FRR, the same: bgpd with zebra beside it, which tells it that next hops can be reached."""

    SECURITY = f" neighbor CL password {PASSWORD}\n neighbor CL ttl-security hops 1\n"
    RESTART = " bgp graceful-restart restart-time 60\n bgp graceful-restart\n"

    def __init__(self, name, clients, more="", options=""):
        self.name, self.clients, self.more, self.options = name, clients, more, options
        self.program = find_program("bgpd", "frr")
        self.zebra = find_program("zebra", "frr")

    def start(self):
        os.makedirs(path(self.name), exist_ok=True)
        shutil.chown(path(self.name), "frr", "frr")
        sessions = "".join(f" neighbor {address(client)} peer-group CL\n" for client in self.clients)
        write(f"{self.name}/zebra.conf", f"hostname {self.name}\n")
        write(f"{self.name}/bgpd.conf", f"""hostname {self.name}
router bgp {AS}
 bgp router-id {router_id(self.name)}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 bgp cluster-id {router_id(self.name)}
 neighbor CL peer-group
 neighbor CL remote-as {AS}
 neighbor CL passive
 neighbor CL advertisement-interval 0
{self.options}{sessions}{self.more} address-family ipv6 unicast
  neighbor CL activate
  neighbor CL route-reflector-client
  neighbor CL addpath-tx-all-paths
 exit-address-family
""")
        self.processes = [self.run(self.zebra, "zebra"), self.run(self.program, "bgpd", "-n")]
        return self

    def run(self, program, name, *more):
        place = path(self.name)
        return start(self.name, f"{self.name}.log", program, *more, "-f", f"{place}/{name}.conf", "-i",
                     f"{place}/{name}.pid", "-z", f"{place}/zserv.api", "--vty_socket", place, "-u", "frr", "-g", "frr",
                     "--log", "stdout")

    def end(self, number=signal.SIGTERM):
        for process in self.processes:
            end(process, number)


REFLECTORS = {"bird": Bird, "frr": Frr, "gobgp": GoBgp}


# The frame of a test.

def show_logs():
    for name in sorted(os.listdir(folder)):
        if name.endswith((".log", ".out")):
            print("".join(f"# {name}: {line}\n" for line in read(name).splitlines()[-25:]), end="")


def check_health(gateways):
    """All run, end as they are told, and a sanitizer, if there is one, said nothing to the last."""
    for gateway in gateways:
        check(gateway.process.poll() is None, f"{gateway.name} runs to the end", gateway.process.returncode)
        gateway.process.send_signal(signal.SIGTERM)
        check(gateway.process.wait(timeout=PATIENCE) == 0, f"{gateway.name} ends in order", gateway.process.returncode)
        started.remove(gateway.process)
    found = [f"{gateway.name}: {line}" for gateway in gateways for line in gateway.log().splitlines()
             if "Sanitizer" in line or "runtime error" in line or line.startswith("    #")]
    check(not found, "no gateway did what it must not", "\n".join(found[:40]))


def remove_groups():
    """The control groups of gateways that were killed."""
    for top in ("/sys/fs/cgroup", *(os.path.join("/sys/fs/cgroup", name) for name in os.listdir("/sys/fs/cgroup"))):
        for name in NAMES:
            group = os.path.join(top, f"busbar-interop-{os.environ[INSIDE]}-{name}")
            for below, _folders, _files in os.walk(group, topdown=False):
                try:
                    os.rmdir(below)
                except OSError:
                    pass


def perform(main):
    global folder  # pylint: disable=global-statement
    # The names of network namespaces are mounts: below a folder that nobody else sees.
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
    with tempfile.TemporaryDirectory(prefix="busbar-interop-") as made:
        folder = made
        os.chmod(folder, 0o755)
        try:
            make_network()
            check_health(main())
        except Unmet as unmet:
            check(False, "the test can go on", unmet)
        except (OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as failure:
            check(False, "the test can go on", f"{type(failure).__name__}: {failure}")
        for process in list(started):
            end(process, signal.SIGTERM)
        if not points or not all(points):
            show_logs()
        remove_groups()
    print(f"1..{len(points)}", flush=True)
    sys.exit(0 if points and all(points) else 1)


def run(main):
    """Runs a test, whose main() returns the gateways that must be well in the end."""
    require_root()
    if INSIDE in os.environ:
        perform(main)
    os.environ[INSIDE] = str(os.getpid())
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                          sys.executable, *sys.argv])
