#!/usr/bin/python3
"""coverage.py SOURCE BUILD FLOOR: lines run by the tests of a build with --coverage, per room and in total, of all .c files of lib/,
heads/, seg/ and apps/ (gcov's counts). Kernels of instruction sets that this machine lacks are left out and named. Ends with 1 when
the total is below FLOOR percent; --files lists the files, worst first, with the lines that were not run."""
import collections
import json
import os
import subprocess
import sys

ROOMS = ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/weights', 'lib/plan', 'heads', 'seg', 'apps']
NEEDS = {'avx2': {'avx2', 'fma'}, 'avx512': {'avx512f', 'avx512bw', 'avx512vl', 'avx512dq'}}
NEEDS['zen4'] = NEEDS['avx512']
NEEDS['avxvnni'] = NEEDS['avx2'] | {'avx_vnni'}
NEEDS['avx512vnni'] = NEEDS['avx512'] | {'avx512_vnni'}
NEEDS['avx512bf16'] = NEEDS['avx512'] | {'avx512_bf16'}


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as text:
        return next((set(line.split()) for line in text if line.startswith('flags')), set())


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room + '/')), None)


def notes(build):
    """The .gcno files: one per object file, also of those that never ran."""
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(build) for name in names if name.endswith('.c.gcno'))


def lines_run(source, build):
    """File -> line -> times run, summed over the programs that have it."""
    counts = collections.defaultdict(collections.Counter)
    files = notes(build)
    assert files, f'{build} was not built with --coverage'
    for start in range(0, len(files), 50):
        done = subprocess.run(['gcov', '--json-format', '--stdout', *files[start:start + 50]], cwd=build, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for text in done.stdout.splitlines():
            report = json.loads(text)
            for file in report['files']:
                path = os.path.relpath(os.path.join(report['current_working_directory'], file['file']), source)
                if path.endswith('.c') and room_of(path):
                    for line in file['lines']:
                        counts[path][line['line_number']] += line['count']
    return counts


def spans(numbers):
    """[1, 2, 3, 7] -> '1-3 7'."""
    parts = []
    for n in sorted(numbers):
        if parts and parts[-1][1] == n - 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return ' '.join(f'{a}-{b}' if a < b else f'{a}' for a, b in parts)


def percent(ran, lines):
    return 100 * ran / lines if lines else 100


def main(source, build, floor, files):
    counts = lines_run(os.path.realpath(source), os.path.realpath(build))
    flags = machine()
    out = [path for path in counts if not NEEDS.get(path[:-2].rpartition('__')[2], set()) <= flags]
    for path in sorted(out):
        print(f'SKIP: {path}: this machine cannot run it')
        del counts[path]
    figures = {path: (sum(1 for n in lines.values() if n), len(lines)) for path, lines in counts.items()}
    if files:
        for path, (ran, lines) in sorted(figures.items(), key=lambda item: item[1][0] - item[1][1]):
            print(f'{percent(ran, lines):6.1f}%  {ran:5} of {lines:5}  {path}: {spans(n for n, c in counts[path].items() if not c)}')
    for room in [*ROOMS, '']:
        here = [figure for path, figure in figures.items() if room in ('', room_of(path))]
        ran, lines = sum(f[0] for f in here), sum(f[1] for f in here)
        print(f'{percent(ran, lines):6.1f}%  {ran:5} of {lines:5}  {room or "all lines"}')
    print(f'floor: {floor}%')
    return percent(ran, lines) < float(floor)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:4], files='--files' in sys.argv[4:]))
