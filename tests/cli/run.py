#!/usr/bin/python3
"""run.py MSEG FILE.case [--update]: runs the commands of a case file and compares exit status, stdout and stderr, all exactly.

A case file:   # comment         $ command for sh          > a line of stdout          ! a line of stderr          ? status
{n} in expected text stands for a number, {path} for a path that depends on the machine. Commands share one new folder with the pictures of photos.py; mseg is on the PATH and
$TINY is a small model, $DIFFER A B names the files of two folders that do not show the same. --update rewrites what does not match (then read the diff).
"""
import os
import re
import subprocess
import sys
import tempfile

import photos

TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/uint8.tflite')
DIFFER = f'{sys.executable} -B {os.path.join(os.path.dirname(os.path.abspath(__file__)), "differ.py")}'


class Case:
    def __init__(self, command):
        self.command = command
        self.out, self.err, self.status = [], [], 0


def parse(text):
    """The file as a list of comment lines (str) and Cases."""
    parts = []
    for number, line in enumerate(text.splitlines(), 1):
        kind, rest = line[:2], line[2:]
        if not line.strip() or line.startswith('#'):
            parts.append(line)
        elif kind == '$ ':
            parts.append(Case(rest))
        elif kind.strip() in ('>', '!') and isinstance(parts[-1], Case):
            (parts[-1].out if kind[0] == '>' else parts[-1].err).append(rest)
        elif kind == '? ':
            parts[-1].status = int(rest)
        else:
            sys.exit(f'line {number}: cannot read "{line}"')
    return parts


def matches(expected, actual):
    pattern = re.escape('\n'.join(expected)).replace(r'\{n\}', r'[0-9]+(?:\.[0-9]+)?').replace(r'\{path\}', '/[^ :]*')
    return re.fullmatch(pattern, '\n'.join(actual)) is not None


def execute(case, folder, environment):
    done = subprocess.run(['sh', '-c', case.command], cwd=folder, env=environment, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith('progress: ')] # on a busy machine
    return done.stdout.decode().splitlines(), said, done.returncode


def render(parts):
    lines = []
    for part in parts:
        if isinstance(part, str):
            lines.append(part)
            continue
        lines.append('$ ' + part.command)
        lines += [('> ' + line).rstrip() for line in part.out] + [('! ' + line).rstrip() for line in part.err]
        if part.status:
            lines.append(f'? {part.status}')
    return '\n'.join(lines) + '\n'


def main():
    program, file = os.path.abspath(sys.argv[1]), sys.argv[2]
    with open(file, encoding='utf-8') as text:
        parts = parse(text.read())
    cases = [part for part in parts if isinstance(part, Case)]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        photos.make(folder)
        environment = {**os.environ, 'PATH': os.path.dirname(program) + ':' + os.environ['PATH'], 'TINY': TINY, 'DIFFER': DIFFER, 'LC_ALL': 'C',
                       'HOME': 'home', 'XDG_CACHE_HOME': 'cache'}
        environment.pop('MSEG_MODEL', None)
        for case in cases:
            out, err, status = execute(case, folder, environment)
            good = matches(case.out, out) and matches(case.err, err) and status == case.status
            if good:
                continue
            failed += 1
            print(f'FAILED  $ {case.command}')
            for title, wanted, got in [('stdout', case.out, out), ('stderr', case.err, err), ('status', case.status, status)]:
                if wanted != got:
                    print(f'  {title} expected {wanted}\n  {title} was      {got}')
            case.out, case.err, case.status = out, err, status
    if failed and '--update' in sys.argv:
        with open(file, 'w', encoding='utf-8') as text:
            text.write(render(parts))
    print(f'{len(cases) - failed} of {len(cases)} commands as expected')
    if not cases or failed:
        sys.exit(1)


main()
