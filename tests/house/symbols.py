#!/usr/bin/python3
"""symbols.py CC LIBRARY OBJECT...: the library defines no external symbol without the prefix mseg, the program's own objects none
but main, cmd_* (a command) and cli_*. First shows that it would notice."""
import os
import re
import subprocess
import sys
import tempfile

LIBRARY, PROGRAM = re.compile('mseg'), re.compile('main$|cmd_|cli_')


def strangers(files, ours):
    dynamic = ['-D'] if any('.so' in os.path.basename(file) for file in files) else []
    lines = subprocess.run(['nm', '-g', '-P', '--defined-only', *dynamic, *files], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    names = [line.split()[0] for line in lines if len(line.split()) >= 2]
    assert any(ours.match(name) for name in names), f'{files} define nothing of ours'
    return sorted(name for name in names if not ours.match(name))


compiler, library, *objects = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    source, thing = os.path.join(folder, 'x.c'), os.path.join(folder, 'x.o')
    with open(source, 'w', encoding='utf-8') as out:
        out.write('int mseg_fine, cli_fine; int foreign(void); int foreign(void) { return 0; } static int hidden;\n'
                  'int *mseg_p = &hidden; int main(void) { return 0; }\n')
    subprocess.run([compiler, '-c', source, '-o', thing], check=True)
    assert strangers([thing], LIBRARY) == ['cli_fine', 'foreign', 'main'], strangers([thing], LIBRARY)
    assert strangers([thing], PROGRAM) == ['foreign', 'mseg_fine', 'mseg_p'], strangers([thing], PROGRAM)

problems = [f'{name}: no mseg prefix' for name in strangers([library], LIBRARY)]
problems += [f'{name}: the program\'s own, but not cli_* or cmd_*' for name in strangers(objects, PROGRAM)]
print('\n'.join(problems) or 'every external symbol starts with mseg, every one of the program with cli_ or cmd_')
sys.exit(bool(problems))
