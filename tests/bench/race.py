#!/usr/bin/python3
"""Races 'mseg bench' against other engines: the network alone, 513 x 513, batch 1, input in memory to logits. Every contender runs
once a round, one after the other, so that whatever else the machine does meets all of them; its time is its least over the rounds.
Networks: MobileNetV2 1.0 + DeepLabv3, a: output stride 16, b: output stride 8, c: output stride 16 with ASPP."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NETWORKS = {"a": "OS 16", "b": "OS 8", "c": "OS 16, ASPP"}
PEERS = ["ort", "torch", "opencv", "dnnl"]
MAX_ERROR = 1e-4  # of the largest logit; beyond it a peer has run another network
MAX_OTHERS = 5    # percent of the cores' time that other processes may take before we warn


def fail(text):
    sys.exit("race: " + text)


def names(allowed):
    def parse(text):
        values = [value for value in text.split(",") if value]
        for value in values:
            if value not in allowed:
                raise argparse.ArgumentTypeError("'%s' is none of %s" % (value, ", ".join(allowed)))
        return values

    return parse


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("'%s' is not a number above 0" % text)
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="race.sh", description=__doc__)
    parser.add_argument("--threads", type=lambda text: [positive(n) for n in text.split(",")], default=[1, 2], metavar="N,N")
    parser.add_argument("--networks", type=names(NETWORKS), default=list(NETWORKS), metavar="a,b,c")
    parser.add_argument("--peers", type=names(PEERS), default=PEERS, metavar=",".join(PEERS))
    parser.add_argument("--rounds", type=positive, default=5, metavar="N")
    parser.add_argument("--runs", type=positive, default=20, metavar="N", help="timed runs of a contender in a round (default 20)")
    parser.add_argument("--mseg", metavar="PROGRAM", help="default: built from this tree")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    parser.add_argument("--markdown", action="store_true", help="also print the tables as Markdown")
    parser.add_argument("--cache", help=argparse.SUPPRESS)
    return parser.parse_args()


def choose_cores():
    """The processors we may use, the first of each core before the siblings."""
    first, siblings, seen = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu) as text:
                core = text.read()
        except OSError:
            core = cpu
        (siblings if core in seen else first).append(cpu)
        seen.add(core)
    return first + siblings


def mseg_command(args, network, threads):
    architecture = "mnv2:aspp" if network["aspp"] else "mnv2"
    return [args.mseg, "bench", "--json", "--random", architecture, "--os", str(network["output_stride"]), "-j", str(threads),
            "-n", str(args.runs)]


def peer_command(args, peer, folder, threads):
    program = {"ort": ["node", os.path.join(HERE, "peer_ort.js")],
               "torch": ["/usr/bin/python3", os.path.join(HERE, "peer_torch.py")],
               "opencv": ["/usr/bin/python3", os.path.join(HERE, "peer_opencv.py")],
               "dnnl": [os.path.join(args.cache, "peer_dnnl")]}[peer]
    return program + [folder, str(threads), str(args.runs)]


def busy_seconds(cores):
    """How long the cores have worked for anybody, this machine's host included (steal)."""
    with open("/proc/stat") as text:
        rows = {row[0]: list(map(int, row[1:])) for row in map(str.split, text) if row[0].startswith("cpu")}
    ticks = sum(sum(rows["cpu%d" % core][:8]) - sum(rows["cpu%d" % core][3:5]) for core in cores)  # all but idle and iowait
    return ticks / os.sysconf("SC_CLK_TCK")


def own_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command, args, threads):
    """The JSON that the command prints with "others", the percentage of the cores' time that went elsewhere; None when it fails."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), NODE_PATH=os.path.join(args.cache, "node_modules"))
    cores = args.cores[:threads]
    start, busy, own = time.monotonic(), busy_seconds(cores), own_seconds()
    pinned = ["taskset", "-c", ",".join(map(str, cores))] + command
    done = subprocess.run(pinned, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return None
    elapsed = time.monotonic() - start
    others = busy_seconds(cores) - busy - (own_seconds() - own)
    return dict(json.loads(done.stdout), others=min(100, max(0, 100 * others / elapsed / threads)))


def check(contender, result, network):
    """What is wrong with the contender's result, or None."""
    if result is None:
        return "failed (see above)"
    if contender == "mseg" and result["madds"] != network["madds"]:
        return "counts %d MAdds, not %d" % (result["madds"], network["madds"])
    if contender != "mseg" and not result["error"] <= MAX_ERROR:
        return "its logits are wrong by %g of the largest" % result["error"]
    return None


def summary(contender, results):
    best = min(results, key=lambda result: result["min_ms"])
    if contender == "mseg":
        best["name"] = "mseg %s (%s)" % (best["version"], best["kernels"])
    entry = {"contender": contender, "name": best["name"], "min_ms": best["min_ms"],
             "median_ms": statistics.median(result["median_ms"] for result in results),
             "round_min_ms": [result["min_ms"] for result in results],
             "round_others_percent": [result["others"] for result in results]}
    if contender == "mseg":
        peak = max(result["peak_gmadds"] for result in results)
        entry.update(peak_gmadds=peak, percent_of_peak=100 * best["madds"] / best["min_ms"] * 1e-6 / peak,
                     **{key: best[key] for key in ("madds", "arena_bytes", "max_rss_bytes")})
    return entry


def race(args, name, threads):
    """One network at one number of threads: a list of entries, mseg's first."""
    folder = os.path.join(args.cache, "networks", name)
    with open(os.path.join(folder, "network.json")) as text:
        network = json.load(text)
    results = {contender: [] for contender in ["mseg"] + args.peers}
    for i in range(args.rounds):
        print("network %s, %d thread(s), round %d of %d" % (name, threads, i + 1, args.rounds), file=sys.stderr)
        for contender in list(results):
            if contender == "mseg":
                command = mseg_command(args, network, threads)
            else:
                command = peer_command(args, contender, folder, threads)
            result = run(command, args, threads)
            wrong = check(contender, result, network)
            if wrong and contender == "mseg":
                fail("mseg: " + wrong)
            if wrong:
                print("FAILED: %s, network %s, %d thread(s): %s; left out" % (contender, name, threads, wrong),
                      file=sys.stderr)
                args.failures += 1
                del results[contender]
            else:
                results[contender].append(result)
    entries = [summary(contender, found) for contender, found in results.items()]
    for entry in entries:
        entry.update(network=name, threads=threads, ratio=entries[0]["min_ms"] / entry["min_ms"])
    return entries


def cell(entries, contender, network, threads, form):
    for entry in entries:
        if (entry["contender"], entry["network"], entry["threads"]) == (contender, network, threads):
            note = "%.0f%% of peak" % entry["percent_of_peak"] if contender == "mseg" else "%.2f" % entry["ratio"]
            return form % (entry["min_ms"], note)
    return "-"


def table(args, entries, threads, form):
    """Rows of cells, the head first."""
    rows = [["ms, %d thread%s" % (threads, "s" * (threads > 1))] + ["%s: %s" % (name, NETWORKS[name]) for name in args.networks]]
    for contender in ["mseg"] + args.peers:
        name = next((entry["name"] for entry in entries if (entry["contender"], entry["threads"]) == (contender, threads)), None)
        if name:
            rows.append([name] + [cell(entries, contender, network, threads, form) for network in args.networks])
    return rows


def print_text(args, entries):
    for threads in args.threads:
        rows = table(args, entries, threads, "%8.2f  %-12s")
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        print()
        for row in rows:
            print("  ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip())
    print("\nBehind a peer's time: mseg's time / the peer's.")
    others = max(min(entry["round_others_percent"]) for entry in entries)
    print("In everyone's calmest round other processes took at most %.0f%% of the cores." % others)
    if others > MAX_OTHERS:
        print("WARNING: the machine was busy: trust nothing but rough ratios, or race again with more rounds.")


def print_markdown(args, entries):
    for threads in args.threads:
        rows = table(args, entries, threads, "%.1f (%s)")
        print()
        for i, row in enumerate(rows):
            print("| " + " | ".join(row) + " |")
            if i == 0:
                print("|---" * len(row) + "|")


def main():
    args = parse_arguments()
    if not args.mseg or not args.cache:
        fail("start race.sh, not race.py")
    if not args.peers:
        fail("no peer to race against")
    args.cores, args.failures = choose_cores(), 0
    if max(args.threads) > len(args.cores):
        fail("--threads %d, but only %d processors" % (max(args.threads), len(args.cores)))
    with open("/proc/cpuinfo") as text:
        model = next((line.split(":")[1].strip() for line in text if line.startswith("model name")), "unknown processor")
    entries = [entry for threads in args.threads for name in args.networks for entry in race(args, name, threads)]
    print("%s, cores %s, 513 x 513, batch 1, least of %d rounds x %d runs"
          % (model, ",".join(map(str, args.cores[:max(args.threads)])), args.rounds, args.runs))
    print_text(args, entries)
    if args.markdown:
        print_markdown(args, entries)
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"processor": model, "rounds": args.rounds, "runs": args.runs, "results": entries}, out, indent=2)
            out.write("\n")
    return 1 if args.failures else 0


if __name__ == "__main__":
    sys.exit(main())
