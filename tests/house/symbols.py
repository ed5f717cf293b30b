#!/usr/bin/python3
"""symbols.py CC LIBRARY: the library defines no external symbol without the prefix mseg. First shows that it would notice."""
import os
import subprocess
import sys
import tempfile


def strangers(library):
    dynamic = ['-D'] if '.so' in os.path.basename(library) else []
    lines = subprocess.run(['nm', '-g', '-P', '--defined-only', *dynamic, library], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    names = [line.split()[0] for line in lines if len(line.split()) >= 2]
    assert any(name.startswith('mseg') for name in names), f'{library} defines nothing of ours'
    return sorted(name for name in names if not name.startswith('mseg'))


compiler, target = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    source, thing = os.path.join(folder, 'x.c'), os.path.join(folder, 'x.o')
    with open(source, 'w', encoding='utf-8') as out:
        out.write('int mseg_fine; int foreign(void); int foreign(void) { return 0; } static int hidden; int *mseg_p = &hidden;\n')
    subprocess.run([compiler, '-c', source, '-o', thing], check=True)
    assert strangers(thing) == ['foreign'], strangers(thing)

problems = strangers(target)
print('\n'.join(f'{name}: no mseg prefix' for name in problems) or 'every external symbol starts with mseg')
sys.exit(bool(problems))
