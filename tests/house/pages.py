#!/usr/bin/python3
"""pages.py ROOT: every row of docs/models.md names tests that are there. In a table whose last column is "shown by" the last cell is
`FILE`, or `FILE`: `WORD`, `WORD` ..., parted by semicolons: the file is there and has each of the words. First shows that it would
notice."""
import os
import re
import sys

PAGE = 'docs/models.md'


def cells(line):
    return [cell.strip() for cell in line.strip().strip('|').split('|')]


def rows(page):
    """The last cells of such tables, and how many cells their rows and the table's head have."""
    head = None
    for line in page.splitlines():
        if not line.startswith('|'):
            head = None
        elif head is None:
            head = cells(line)
        elif head[-1] == 'shown by' and not set(line) <= set('|-'):
            yield cells(line), len(head)


def faults(page, read):
    """read(path): the file's text, None when there is none."""
    for row, width in rows(page):
        if len(row) != width:
            yield f'a row of {len(row)} cells, not {width}: {row[0]}'
        for part in row[-1].split(';'):
            found = re.fullmatch(r'\s*`(tests/[^`]+)`(?:: ((?:`\w+`(?:, )?)+))?\s*', part)
            text = read(found[1]) if found else None
            if text is None:
                yield f'{row[0]}: "{part.strip()}" is no test of ours'
                continue
            for word in re.findall(r'\w+', found[2] or ''):
                if not re.search(rf'\b{word}\b', text):
                    yield f'{row[0]}: {found[1]} has no {word}'


def notices():
    texts = {'tests/a.c': 'static void one(void); "two"'}
    head = '| x | shown by |\n|---|---|\n'
    other = '| x | y |\n|---|---|\n| a | b |\n\ntext\n'
    good = other + head + '| a | `tests/a.c` |\n| b | `tests/a.c`: `one`, `two`; `tests/a.c`: `two` |\n'
    assert not list(faults(good, texts.get)), list(faults(good, texts.get))
    assert len(list(rows(good))) == 2
    for bad in ('| a | `tests/b.c` |', '| a | `tests/a.c`: `on` |', '| a | |', '| a | tests/a.c |', '| a | b | `tests/a.c` |',
                '| a | `tests/a.c`; `tests/a.c`: `three` |'):
        assert len(list(faults(head + bad, texts.get))) == 1, bad


def read_file(path):
    path = os.path.join(sys.argv[1], path)
    if not os.path.isfile(path):
        return None
    with open(path, encoding='utf-8') as file:
        return file.read()


notices()
text = read_file(PAGE)
assert sum(1 for _ in rows(text)) > 20, 'rows are missing'
problems = [f'{PAGE}: {fault}' for fault in faults(text, read_file)]
print('\n'.join(problems) or f'every row of {PAGE} names tests that are there')
sys.exit(bool(problems))
