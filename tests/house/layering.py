#!/usr/bin/python3
"""layering.py ROOT [--graph | --table]: no room includes what its row below does not allow, docs/architecture.md has the same rows, and
no includes go round in a circle, which header guards would hide. First shows that it would notice. --graph: prints who includes whom,
and how often; --table: the rows as that page has them."""
import collections
import os
import re
import sys
import tempfile

# Room -> rooms and single files that it may include besides itself. The longest name that a file's path starts with is its room.
ALLOWED = {
    'lib/base': [],
    'lib/image': ['lib/base', 'lib/kernels'],
    'lib/kernels': ['lib/base'],
    'lib/net': ['lib/base'],
    'lib/weights': ['lib/base', 'lib/net'],
    'lib/write': ['lib/base', 'lib/net', 'lib/weights'],
    'lib/plan': ['lib/base', 'lib/kernels', 'lib/net', 'lib/weights'],
    'lib/train': ['lib/base', 'lib/kernels', 'lib/net', 'lib/weights'],
    'heads': ['lib/base', 'lib/net', 'lib/weights'],
    'palettes': [],
    'seg': ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/weights', 'lib/write', 'lib/plan', 'heads',
            'seg/backbones', 'seg/run/options.h'],
    'seg/backbones': ['lib/base', 'lib/net', 'lib/weights', 'heads'],
    'seg/run': ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/plan', 'seg/mseg.h', 'seg/model.h'],
    'seg/quantise': ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/weights', 'lib/write', 'lib/plan', 'seg/mseg.h',
                     'seg/opened.h', 'seg/convert.h', 'seg/run/options.h'],
    'seg/train': ['lib/base', 'lib/image', 'lib/kernels', 'lib/net', 'lib/weights', 'lib/write', 'lib/train', 'seg/mseg.h',
                  'seg/model.h', 'seg/opened.h', 'seg/convert.h', 'seg/builtin.h', 'seg/backbones', 'seg/run/features.h',
                  'seg/run/options.h'],
    'seg/draw': ['lib/base', 'lib/image', 'seg/mseg.h'],
    'seg/judge': ['lib/base', 'seg/draw', 'seg/mseg.h'],
    'apps': ['lib/base', 'apps/cli', 'apps/convert', 'apps/eval', 'apps/info', 'apps/paper', 'apps/run', 'apps/train', 'seg/mseg.h'],
    'apps/cli': ['lib/base', 'seg/mseg.h'],
    'apps/convert': ['lib/base', 'apps/cli', 'apps/eval', 'seg/mseg.h'],
    'apps/eval': ['lib/base', 'apps/cli', 'seg/mseg.h'],
    'apps/info': ['lib/base', 'apps/cli', 'seg/mseg.h'],
    'apps/paper': ['lib/base', 'apps/cli', 'seg/mseg.h'],
    'apps/train': ['lib/base', 'apps/cli', 'apps/eval', 'seg/mseg.h'],
    'apps/run': ['lib/base', 'apps/cli', 'seg/mseg.h'],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def resolve(root, file, name):
    """The included file, looked for where the compiler looks; programs have seg/mseg.h from the build's folder. What protoc-c makes
    of a message's file stands for that."""
    if name.endswith('.pb-c.h'):
        name = 'weights/' + name.replace('.pb-c.h', '.proto')
    for folder in [os.path.dirname(file)] + (['apps', 'seg', 'lib'] if file.startswith('apps/') else ['', 'lib']):
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def room_of(path):
    return max((room for room in ALLOWED if path.startswith(room + '/')), key=len, default=None)


def includes(root):
    """File -> [(name as written, the file that is meant or None)]."""
    found = {}
    for top in sorted({room.split('/')[0] for room in ALLOWED}):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith(('.c', '.h', '.def')):
                    file = os.path.relpath(os.path.join(folder, name), root)
                    with open(os.path.join(root, file), encoding='utf-8') as text:
                        found[file] = [(include, resolve(root, file, include)) for include in INCLUDE.findall(text.read())]
    return dict(sorted(found.items()))


def layering_faults(graph):
    for file, names in graph.items():
        room = room_of(file)
        if room is None:
            yield f'{file}: is in none of the rooms that layering.py lists'
            continue
        for name, target in names:
            if target is None:
                yield f'{file}: "{name}" is no file of ours'
            elif room_of(target) != room and room_of(target) not in ALLOWED[room] and target not in ALLOWED[room]:
                yield f'{file}: {room} may not include {target}'


def circles(graph):
    done, path = set(), []

    def visit(file):
        if file in path:
            yield 'includes go in a circle: ' + ' -> '.join(path[path.index(file):] + [file])
        elif file not in done:
            path.append(file)
            for _, target in graph.get(file, []):
                if target:
                    yield from visit(target)
            done.add(path.pop())
    for file in graph:
        yield from visit(file)


def faults(root):
    graph = includes(root)
    return [*layering_faults(graph), *circles(graph)]


def print_graph(graph):
    counts = {room: collections.Counter() for room in ALLOWED}
    for file, names in graph.items():
        counts[room_of(file)].update(room_of(target) for _, target in names)
    for room, targets in counts.items():
        others = ', '.join(f'{target} {n}' for target, n in sorted(targets.items()) if target != room)
        if any(room_of(file) == room for file in graph):
            print(f'{room} -> {others}' if others else room)


def table():
    return [f'| `{room}` | {", ".join(f"`{name}`" for name in names) or "nothing of ours"} |' for room, names in ALLOWED.items()]


def page_faults(page):
    """Where the page's rows, those of two cells that begin with a room, differ from the ones above."""
    rows = [line for line in page.splitlines() if line.count('|') == 3 and line[3:].split('`')[0] in ALLOWED]
    return [] if rows == table() else ['docs/architecture.md: its table of who may include whom is not what --table prints']


def tree(files):
    """A throw-away source tree."""
    root = tempfile.TemporaryDirectory()
    for path, text in files.items():
        os.makedirs(os.path.join(root.name, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root.name, path), 'w', encoding='utf-8') as out:
            out.write(text)
    return root


def notices():
    good = {'lib/base/a.h': '', 'lib/image/i.h': '', 'lib/kernels/k.h': '', 'lib/kernels/f32/rows.def': '', 'apps/main.h': '',
            'seg/mseg.h': '#include "base/a.h"\n', 'seg/model.h': '#include "seg/mseg.h"\n', 'seg/draw/d.h': '',
            'seg/run/r.h': '', 'apps/cli/own.h': '#include "mseg.h"\n', 'apps/main.c': '#include "mseg.h"\n#include "cli/own.h"\n',
            'lib/image/i.c': '#include "image/i.h"\n#include "base/a.h"\n', 'seg/judge/j.c': '#include "seg/draw/d.h"\n',
            'lib/kernels/f32/k.c': '#include "kernels/k.h"\n#include "kernels/f32/rows.def"\n',
            'seg/s.c': '#include "kernels/k.h"\n#include "seg/model.h"\n',
            'seg/run/r.c': '#include "seg/model.h"\n#include "seg/run/r.h"\n'}
    bad = [('lib/image/i.c', '  #  include "seg/mseg.h"\n'), ('lib/kernels/k.c', '#include "../image/i.h"\n'),
           ('lib/base/b.c', '#include "seg/mseg.h"\n'), ('apps/main.c', '#include "own.h"\n'),
           ('apps/main.c', '#include "image/i.h"\n'), ('apps/main.c', '#include "../seg/model.h"\n'),
           ('apps/cli/own.c', '#include "main.h"\n'), ('heads/h.c', '#include "image/i.h"\n'), ('seg/s.c', '#include "gone.h"\n'),
           ('seg/s.c', '#include "seg/run/r.h"\n'), ('seg/draw/d.c', '#include "seg/model.h"\n'),
           ('seg/draw/d.c', '#include "seg/run/r.h"\n'), ('seg/run/r.c', '#include "seg/draw/d.h"\n'),
           ('seg/judge/j.c', '#include "kernels/k.h"\n'), ('lib/kernels/f32/rows.def', '#include "image/i.h"\n'),
           ('lib/new/n.c', ''), ('lib/base/a.h', '#include "base/a.h"\n')]
    with tree(good) as root:
        assert faults(root) == [], faults(root)
    for path, text in bad:
        with tree({**good, path: text}) as root:
            assert len(faults(root)) == 1, (path, text, faults(root))
    circle = {'lib/base/a.h': '#include "b.h"\n', 'lib/base/b.h': '#include "base/c.h"\n', 'lib/base/c.h': '#include "a.h"\n'}
    with tree({**good, **circle}) as root:
        found = faults(root)
        assert found == ['includes go in a circle: lib/base/a.h -> lib/base/b.h -> lib/base/c.h -> lib/base/a.h'], found
    page = ['| room | may include |', '|---|---|', *table(), '| `other` | text |', '| `lib/base` | a | row | of another table |']
    assert not page_faults('\n'.join(page))
    assert page_faults('\n'.join(page[:-3])) and page_faults('\n'.join(page).replace('`lib/net`, ', ''))


notices()
source = sys.argv[1]
assert any(name.endswith('.c') for name in os.listdir(os.path.join(source, 'lib/base'))), 'not the source tree'
with open(os.path.join(source, 'docs/architecture.md'), encoding='utf-8') as text:
    problems = faults(source) + page_faults(text.read())
if '--graph' in sys.argv[2:]:
    print_graph(includes(source))
if '--table' in sys.argv[2:]:
    print('\n'.join(table()))
print('\n'.join(problems) or 'every include keeps to the layering, and none goes in a circle')
sys.exit(bool(problems))
