#!/usr/bin/python3
"""Races 'mseg bench' against other engines: the network alone, 513 x 513, batch 1, input in memory to logits. Every contender runs
once a round, one after the other, so that whatever else the machine does meets all of them; its time is its least over the rounds.
Networks: MobileNetV2 1.0 + DeepLabv3, a: output stride 16, b: output stride 8, c: output stride 16 with ASPP. With --precision int8
the same in 8 bits: mseg with a scale per layer's weights, as the default model has it, with one per channel, and in float, against ONNX
Runtime with a scale per channel."""

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
PEERS = {"float": ["ort", "torch", "opencv", "dnnl"], "int8": ["ort"]}
# Of the largest logit; beyond it a peer has run another network. In 8 bits ONNX Runtime adds and averages in float: what rounds otherwise
# there has grown to 12 of 255 after 50 layers of random weights.
MAX_ERROR = {"float": 1e-4, "int8": 0.1}
# What mseg runs in 8 bits: file, precision, what the table says.
FORMS = {"mseg": ("network8.tflite", "int8", ", 8 bits"), "mseg-channel": ("network8_channel.tflite", "int8", ", scales per channel"),
         "mseg-float": ("network8.tflite", "float", ", float")}
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
    parser.add_argument("--precision", choices=list(PEERS), default="float")
    parser.add_argument("--threads", type=lambda text: [positive(n) for n in text.split(",")], default=[1, 2], metavar="N,N")
    parser.add_argument("--networks", type=names(NETWORKS), default=list(NETWORKS), metavar="a,b,c")
    parser.add_argument("--peers", type=names(PEERS["float"]), metavar=",".join(PEERS["float"]),
                        help="default: all, in 8 bits ort")
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


def contenders(args):
    return (list(FORMS) if args.precision == "int8" else ["mseg"]) + args.peers


def has_precision(mseg):
    """Whether this mseg has a choice; one from before it runs in float."""
    usage = subprocess.run([mseg, "bench", "--help"], stdout=subprocess.PIPE, text=True).stdout
    return "--precision" in usage


def mseg_precision(args, contender):
    return FORMS[contender][1] if args.precision == "int8" else "float"


def mseg_command(args, contender, network, folder, threads):
    if args.precision == "int8":
        model = ["-m", os.path.join(folder, FORMS[contender][0])]
    else:
        model = ["--random", "mnv2:aspp" if network["aspp"] else "mnv2", "--os", str(network["output_stride"])]
    if args.has_precision:
        model += ["--precision", mseg_precision(args, contender)]
    return [args.mseg, "bench", "--json", "-j", str(threads), "-n", str(args.runs)] + model


def peer_command(args, peer, folder, threads):
    program = {"ort": ["node", os.path.join(HERE, "peer_ort.js")],
               "torch": ["/usr/bin/python3", os.path.join(HERE, "peer_torch.py")],
               "opencv": ["/usr/bin/python3", os.path.join(HERE, "peer_opencv.py")],
               "dnnl": [os.path.join(args.cache, "peer_dnnl")]}[peer]
    return program + [folder, str(threads), str(args.runs)] + ([args.precision] if peer == "ort" else [])


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


def check(args, contender, result, network):
    """What is wrong with the contender's result, or None."""
    if result is None:
        return "failed (see above)"
    if is_mseg(contender):
        precision = mseg_precision(args, contender)
        if result.get("precision", "float") != precision:
            return "ran in %s, not in %s" % (result.get("precision", "float"), precision)
        same = result["madds"] == network["madds"]
        return None if same else "counts %d MAdds, not %d" % (result["madds"], network["madds"])
    if not result["error"] <= MAX_ERROR[args.precision]:
        return "its logits are wrong by %g of the largest" % result["error"]
    return None


def is_mseg(contender):
    return contender.split("-")[0] == "mseg"


def peak_gmadds(result):
    """An mseg without a choice of precision calls it by its instruction."""
    return result["peak_gmadds"]


def summary(args, contender, results):
    best = min(results, key=lambda result: result["min_ms"])
    if is_mseg(contender):
        form = FORMS[contender][2] if args.precision == "int8" else ""
        best["name"] = "mseg %s (%s)%s" % (best["version"], best["kernels"], form)
    entry = {"contender": contender, "name": best["name"], "min_ms": best["min_ms"],
             "median_ms": statistics.median(result["median_ms"] for result in results),
             "round_min_ms": [result["min_ms"] for result in results],
             "round_others_percent": [result["others"] for result in results]}
    if is_mseg(contender):
        peak = max(peak_gmadds(result) for result in results)
        entry.update(peak_gmadds=peak, percent_of_peak=100 * best["madds"] / best["min_ms"] * 1e-6 / peak,
                     **{key: best[key] for key in ("madds", "arena_bytes", "max_rss_bytes")})
    return entry


def race(args, name, threads):
    """One network at one number of threads: a list of entries, mseg's first."""
    folder = os.path.join(args.cache, "networks", name)
    with open(os.path.join(folder, "network.json")) as text:
        network = json.load(text)
    results = {contender: [] for contender in contenders(args)}
    for i in range(args.rounds):
        print("network %s, %d thread(s), round %d of %d" % (name, threads, i + 1, args.rounds), file=sys.stderr)
        for contender in list(results):
            if is_mseg(contender):
                command = mseg_command(args, contender, network, folder, threads)
            else:
                command = peer_command(args, contender, folder, threads)
            result = run(command, args, threads)
            wrong = check(args, contender, result, network)
            if wrong and is_mseg(contender):
                fail(contender + ": " + wrong)
            if wrong:
                print("FAILED: %s, network %s, %d thread(s): %s; left out" % (contender, name, threads, wrong),
                      file=sys.stderr)
                args.failures += 1
                del results[contender]
            else:
                results[contender].append(result)
    entries = [summary(args, contender, found) for contender, found in results.items()]
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
    for contender in contenders(args):
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
    print("\nBehind another's time: mseg's, that of the first row, / the other's.")
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
    args.has_precision = has_precision(args.mseg)
    if args.precision == "int8" and not args.has_precision:
        fail("%s: its bench has no --precision; give --mseg a newer one" % args.mseg)
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
            json.dump({"processor": model, "precision": args.precision, "rounds": args.rounds, "runs": args.runs, "results": entries}, out, indent=2)
            out.write("\n")
    return 1 if args.failures else 0


if __name__ == "__main__":
    sys.exit(main())
