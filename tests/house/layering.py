#!/usr/bin/python3
"""layering.py ROOT: no folder includes what ARCHITECTURE.md does not allow it to include. First shows that it would notice."""
import os
import re
import sys
import tempfile

# Room -> rooms that it may include besides itself.
LIBS = ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/weights', 'lib/plan']
ALLOWED = {
    'lib/base': [],
    'lib/image': ['lib/base'],
    'lib/kernels': ['lib/base'],
    'lib/net': ['lib/base'],
    'lib/weights': ['lib/base', 'lib/net'],
    'lib/plan': ['lib/base', 'lib/kernels', 'lib/net', 'lib/weights'],
    'heads': ['lib/base', 'lib/net', 'lib/weights'],
    'palettes': [],
    'seg': LIBS + ['heads', 'palettes'],
    'apps': ['seg/mseg.h'],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def resolve(root, file, name):
    """The included file, looked for where the compiler looks."""
    for folder in [os.path.dirname(file), '', 'lib', 'seg', 'apps']:
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def room_of(path):
    return next((room for room in ALLOWED if path.startswith(room + '/')), None)


def faults(root):
    found = []
    for room in ALLOWED:
        for folder, _, names in os.walk(os.path.join(root, room)):
            for name in sorted(names):
                if not name.endswith(('.c', '.h')):
                    continue
                file = os.path.relpath(os.path.join(folder, name), root)
                with open(os.path.join(root, file), encoding='utf-8') as text:
                    includes = INCLUDE.findall(text.read())
                for include in includes:
                    target = resolve(root, file, include)
                    if target is None:
                        found.append(f'{file}: "{include}" is no file of ours')
                    elif room_of(target) != room and room_of(target) not in ALLOWED[room] and target not in ALLOWED[room]:
                        found.append(f'{file}: {room} may not include {target}')
    return found


def tree(files):
    """A throw-away source tree."""
    root = tempfile.TemporaryDirectory()
    for path, text in files.items():
        os.makedirs(os.path.join(root.name, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root.name, path), 'w', encoding='utf-8') as out:
            out.write(text)
    return root


def notices():
    headers = {'lib/base/a.h': '', 'lib/image/i.h': '', 'lib/kernels/k.h': '', 'seg/mseg.h': '#include "base/a.h"\n', 'seg/own.h': ''}
    good = {'lib/image/i.c': '#include "image/i.h"\n#include "base/a.h"\n', 'apps/main.c': '#include "mseg.h"\n',
            'seg/s.c': '#include "kernels/k.h"\n#include "seg/own.h"\n'}
    bad = [('lib/image/i.c', '  #  include "kernels/k.h"\n'), ('lib/kernels/k.c', '#include "../image/i.h"\n'),
           ('lib/base/b.c', '#include "seg/mseg.h"\n'), ('apps/main.c', '#include "own.h"\n'),
           ('apps/main.c', '#include "base/a.h"\n'), ('heads/h.c', '#include "image/i.h"\n'), ('seg/s.c', '#include "gone.h"\n')]
    with tree({**headers, **good}) as root:
        assert faults(root) == [], faults(root)
    for path, text in bad:
        with tree({**headers, **good, path: text}) as root:
            assert len(faults(root)) == 1, (path, text, faults(root))


notices()
problems = faults(sys.argv[1])
assert any(name.endswith('.c') for name in os.listdir(os.path.join(sys.argv[1], 'lib/base'))), 'not the source tree'
print('\n'.join(problems) or 'every include keeps to the layering')
sys.exit(bool(problems))
