#!/usr/bin/python3
"""test_oom.py MSEG FAIL_ALLOC.so [JOB...]: what each command does when memory runs out, at every place where it asks for some.

A job is a small run of the program. It is run once undisturbed, and then again and again: the first of its allocations fails, the
second ... (and once more with all that come after it). Each time the status must be 0 with the same output as the undisturbed run,
or 1 or 2 with a line that says "out of memory" and no line of anything else; no file may be half written, temporary or lost.
About LIMIT of a job's allocations are tried, the first ones and some of the rest; with MSEG_OOM_ALL set: all of them.
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../cli'))
import photos  # noqa: E402

MODELS = os.path.join(HERE, '../weights/data')
SEGMENTER, CLASSIFIER = os.path.join(MODELS, 'uint8.tflite'), os.path.join(MODELS, 'dense.tflite')
INTEGERS, GRAPH = os.path.join(MODELS, 'stuffed8.tflite'), os.path.join(MODELS, 'simulated.pb')
LABELLED, NAMED = os.path.join(MODELS, 'labelled.tflite'), os.path.join(MODELS, 'named.tflite')  # stored, deflated
TENSORS = os.path.join(HERE, '../fuzz/corpus/safetensors/float64')
EVERYTHING = bool(os.environ.get('MSEG_OOM_ALL'))
LIMIT, FIRST = 36, 12  # tried of each job and way: about so many, and all of the first ones
PHOTOS = ''.join(f'{"./" * 70 * i}{name}\n' for i, name in enumerate(['a.png', 'b.jpg'])).encode()  # the second line is long
OLD = b'was here before\n'
LINE = b'{"path":"a.png","mark":"of another run"}\n'
PALETTE = ''.join(f'{i} {40 * i} {255 - 40 * i} {i} thing {i}\n' for i in range(6))

RUN = ['run', '-q', '-j1', '-m', 'm.tflite', '--size', '17', '--palette', 'p']
EVAL = ['eval', '-q', '-j1', '--classes', 'p', '--gt', 'gt']
REPORTS = ['--json', 'out/e.json', '--csv', 'out/e.csv', '--html', 'out/e.html', '--save-counts', 'out/e.counts']
# name: arguments. Files that stand in out/ before: those of OLD_FILES.
JOBS = {
    'run': RUN + ['a.png', 'b.jpg', '-o', 'out', '--overlay=out/over', '--scores', 'out/scores', '--json', 'out/r.jsonl'],
    'run_list': RUN + ['-', '-o', 'out', '--json', 'out/r.jsonl'],
    'run_kinds': RUN + ['c.webp', 'd.tif', 'e.tif', '-o', 'out', '--json', 'out/r.jsonl'],
    'run_verbose': RUN + ['-v', 'in', '-r', '-o', 'out', '--json', '-'],
    'run_scales': RUN + ['--scales', '1,1.5', '--flip', 'a.png', '-o', 'out'],
    'run_integers': ['run', '-q', '-j1', '-m', 'i.tflite', '--precision', 'int8', '--size', '33', 'a.png', '-o', 'out', '--scores', 'out/scores',
                     '--json', 'out/r.jsonl'],
    'run_skip': RUN + ['a.png', 'b.jpg', '-o', 'gt', '--skip-existing'],
    'run_tiles': RUN[:5] + ['--palette', 'p', '--tile', '33', 'a.png', 'b.jpg', '-o', 'out', '--overlay=out/over'],
    'eval_pred': EVAL + ['--pred', 'pred', '--images', 'in', *REPORTS],
    'eval_model': EVAL + ['-m', 'm.tflite', '--size', '17', '--resize', 'fit', '--images', 'in', *REPORTS],
    'eval_list': EVAL + ['--pred', 'pred', '--list', 'list', '--map', 'map', '--missing', 'background', '--json', '-'],
    'eval_merge': ['eval', '-q', '--merge', 'one.counts', 'two.counts', '--classes', 'p', *REPORTS],
    'eval_compare': ['eval', '-q', '--compare', 'one.counts', 'one.counts', '--samples', '100', '--average', '0-3', '--json', 'out/e.json',
                     '--html', 'out/e.html'],
    'eval_compare_verbose': ['eval', '-q', '-v', '--compare', 'one.counts', 'one.counts', '--samples', '100'],
    'eval_text': [*(a for a in EVAL if a != '-q'), '--pred', 'pred'],
    'classify': ['classify', '-m', 'c.tflite', '--size', '17', '-j1', '-k', '3', '-l', 'labels', 'a.png', 'b.jpg'],
    'classify_json': ['classify', '-q', '-m', 'c.tflite', '--size', '17', '-j1', '--json', 'out/c.jsonl', 'a.png', 'b.jpg'],
    'convert_tflite': ['convert', '-y', 'm.tflite', 'out/old.tflite', '--size', '17'],
    'convert_labels': ['convert', '-y', 'l.tflite', 'out/old.tflite', '--half'],
    'convert_onnx': ['convert', '-y', 'm.tflite', 'out/old.onnx', '--os', '8'],
    'convert_safetensors': ['convert', '-q', 'c.tflite', 'out/new.safetensors'],
    'info': ['info', 'm.tflite', '--size', '17'],
    'info_json': ['info', 'm.tflite', '--size', '17', '--json'],
    'info_graph': ['info', 'g.pb', '--size', '33'],
    'info_labels': ['info', 'n.tflite', '--size', '33'],
    'info_tensors': ['info', 's.safetensors', '--size', '17'],
    'info_activations': ['info', 'm.tflite', '--size', '17', '-j1', '--activations', 'a.png', '-q', '--html', 'out/e.html'],
    'run_labels': ['run', '-q', '-j1', '-m', 'l.tflite', '--size', '33', 'a.png', '-o', 'out', '--json', 'out/r.jsonl'],
    'info_named': ['info', 'mnv2:0.1:classes=3', '--size', '17', '--json'],
    'bench': ['bench', '-m', 'm.tflite', '--size', '17', '-n', '1', '--per-layer'],
    'bench_json': ['bench', '-m', 'm.tflite', '--size', '17', '-n', '1', '--json'],
    'version': ['--version'],
    'wrong': ['run', '--sise', '17', 'a.png'],
}
# Reports on standard output, and their kind.
PRINTED = {'eval_list': '.json', 'eval_text': '.txt'}
OLD_FILES = ['out/a.png', 'out/over/b.png', 'out/r.jsonl', 'out/e.json', 'out/e.html', 'out/c.jsonl', 'out/e.counts', 'out/old.tflite', 'out/old.onnx']


def old(name):
    """What run replaces unasked: of a mask what a crash may leave, of its --json that of another run."""
    return bytes(100) if name.endswith('.png') else LINE if name.endswith('r.jsonl') else OLD


def make_inputs(folder):
    os.makedirs(os.path.join(folder, 'in/sub'))
    for name, size in [('a.png', (40, 30)), ('b.jpg', (33, 50))]:
        photos.picture(*size, len(name)).save(os.path.join(folder, name))
        shutil.copy(os.path.join(folder, name), os.path.join(folder, 'in', name))
    photos.picture(20, 20, 3).save(os.path.join(folder, 'in/sub/c.png'))
    # Of the kinds whose libraries live through it: libwebp 1.2 without loss and libtiff 4.5 with a predictor or JPEG crash themselves.
    photos.picture(20, 20, 4).save(os.path.join(folder, 'c.webp'))
    photos.picture(20, 20, 5).save(os.path.join(folder, 'd.tif'))
    photos.picture(20, 20, 6).convert('1').save(os.path.join(folder, 'e.tif'), compression='group4')
    shutil.copy(SEGMENTER, os.path.join(folder, 'm.tflite'))
    shutil.copy(CLASSIFIER, os.path.join(folder, 'c.tflite'))
    shutil.copy(INTEGERS, os.path.join(folder, 'i.tflite'))
    shutil.copy(GRAPH, os.path.join(folder, 'g.pb'))
    shutil.copy(LABELLED, os.path.join(folder, 'l.tflite'))
    shutil.copy(TENSORS, os.path.join(folder, 's.safetensors'))
    shutil.copy(NAMED, os.path.join(folder, 'n.tflite'))
    for name, text in [('p', PALETTE), ('map', '* 0\n1 2\n2 ignore\n'), ('list', 'a\nb\na\n'),
                       ('labels', ''.join(f'label {i}\n' for i in range(6)))]:
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as out:
            out.write(text)
    for arguments in [RUN + ['a.png', 'b.jpg', '-o', 'gt'], RUN + ['--resize', 'stretch', 'a.png', 'b.jpg', '-o', 'pred'],
                      EVAL + ['--pred', 'pred', '--shard', '1/2', '--save-counts', 'one.counts'],
                      EVAL + ['--pred', 'pred', '--shard', '2/2', '--save-counts', 'two.counts']]:
        subprocess.run([MSEG, *arguments], cwd=folder, check=True)


def read_tree(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, 'rb') as data:
                found[os.path.relpath(path, folder)] = data.read()
    return found


def plain(data):
    """Without the numbers that are different every time."""
    data = re.sub(rb'"(decode|resize|network|label|write)":[0-9.e-]+', rb'"\1":0', data)
    return re.sub(rb'(decode|resize|network|label|write) [0-9.]+|[0-9.]+ s on|[0-9]+ images/s', rb'\1', data)


class Outcome:
    """One run of a job in a folder of its own."""

    def __init__(self, job, at=0, on=False):
        self.job = job
        environment = {'PATH': os.environ['PATH'], 'LD_PRELOAD': LIBRARY, 'HOME': '/nowhere', 'MSEG_FAIL_AT': str(at)}
        if on:
            environment['MSEG_FAIL_ON'] = '1'
        with tempfile.TemporaryDirectory() as folder:
            work = os.path.join(folder, 'work')
            shutil.copytree(INPUTS, work)
            for name in OLD_FILES:
                os.makedirs(os.path.dirname(os.path.join(work, name)), exist_ok=True)
                photos.write(os.path.join(work, name), old(name))
            environment['MSEG_FAIL_COUNT'] = os.path.join(folder, 'count')
            done = subprocess.run([MSEG, *JOBS[job]], cwd=work, env=environment, capture_output=True, check=False,
                                  input=PHOTOS)
            self.status, self.out, self.err = done.returncode, plain(done.stdout), plain(done.stderr).decode()
            if job.startswith('bench'):
                self.out = re.sub(rb'[0-9.e+-]+', b'#', self.out)
            self.files = {name: plain(data) for name, data in read_tree(work).items()}
            self.allocations = 0
            if os.path.exists(environment['MSEG_FAIL_COUNT']):
                with open(environment['MSEG_FAIL_COUNT'], encoding='ascii') as count:
                    self.allocations = int(count.read())


def is_whole_report(name, data):
    """A report on fewer images than asked for, with the failure counted in it."""
    if name.endswith(('.json', '.counts')):
        return json.loads(data)['problems']['failed'] > 0
    if name.endswith('.csv'):
        return data.count(b'\n') == 8 and data.endswith(b'\n')
    if name.endswith('.txt'):
        return b' not scored' in data and data.endswith(b'\n')
    return name.endswith('.html') and data.endswith(b'</html>\n') and b'images not scored' in data


def lines_of(part, whole):
    """Whether part is some of the lines of whole, each of them complete."""
    return (not part or part.endswith(b'\n')) and not set(part.splitlines()) - set(whole.splitlines())


def wrong_file(name, data, outcome, reference):
    """What is wrong with a file that a run with a failure has left, or None."""
    before, after = START.get(name, old(name) if name in OLD_FILES else None), reference.files.get(name)
    if data in (before, after):
        return None
    if after is None:
        return f'{name} is new'
    if name.endswith('.jsonl') and outcome.status == 1 and lines_of(data, after):
        return None
    if outcome.status == 1 and outcome.job.startswith('eval') and is_whole_report(name, data):
        return None
    return f'{name} is neither the old file nor a whole new one'


def faults(outcome, reference, on):
    """Everything that is not as it should be."""
    if outcome.status not in (0, 1, 2):
        return [f'ended with status {outcome.status}']
    if outcome.status == reference.status and 'out of memory' not in outcome.err:
        return [f'{what} is not that of the undisturbed run' for what in ('out', 'err', 'files')
                if getattr(outcome, what) != getattr(reference, what)]
    found = []
    said = [line for line in outcome.err.splitlines() if line.startswith('mseg: ') and line + '\n' not in reference.err]
    if not said or not all('out of memory' in line for line in said):
        found.append('does not say that it is out of memory, and nothing else')
    if len(said) > 1 and not on:
        found.append('says it more than once')
    if outcome.status == 0 and (outcome.out != reference.out or outcome.files != reference.files):
        found.append('exits with 0, but its output is not complete')
    for name in list(START) + [n for n in OLD_FILES if n not in outcome.files]:
        if name not in outcome.files:
            found.append(f'{name} is gone')
    if not (lines_of(outcome.out, reference.out) or (outcome.status == 1 and outcome.job in PRINTED and
                                                     is_whole_report(PRINTED[outcome.job], outcome.out))):
        found.append('its standard output is cut off')
    return found + [wrong for name, data in outcome.files.items() if (wrong := wrong_file(name, data, outcome, reference))]


def chosen(allocations):
    if EVERYTHING or allocations <= LIMIT:
        return range(1, allocations + 1)
    step = (allocations - FIRST) / (LIMIT - FIRST)
    return [*range(1, FIRST + 1), *(FIRST + round(step * (i + 1)) for i in range(LIMIT - FIRST))]


def check(job, workers):
    """Tries a job; the number of its faults."""
    reference = Outcome(job)
    if not reference.allocations or reference.status != (2 if job == 'wrong' else 0) and job != 'eval_list':
        print(f'{job}: status {reference.status}, {reference.allocations} allocations; {reference.err}')
        return 1
    bad = 0
    runs = [(at, on) for at in chosen(reference.allocations) for on in (False, True)]
    for (at, on), outcome in zip(runs, workers.map(lambda run: Outcome(job, *run), runs)):
        for fault in faults(outcome, reference, on):
            told = (f'allocation {at}{" and all after it" if on else ""}: {fault}; status {outcome.status}, '
                    f'stderr: {outcome.err.strip()}')
            bad += 1
            if bad <= 20 or EVERYTHING:
                print(f'{job}: {told}')
    print(f'{job}: {reference.allocations} allocations, {len(runs)} runs, {bad} faults')
    return bad


if __name__ == '__main__':
    if os.environ.get('MSEG_SANITIZE'):
        print('SKIP: sanitizers have an allocator of their own')
        sys.exit(0)
    MSEG, LIBRARY = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as INPUTS, concurrent.futures.ThreadPoolExecutor(2) as WORKERS:
        make_inputs(INPUTS)
        START = read_tree(INPUTS)
        sys.exit(sum(check(job, WORKERS) for job in sys.argv[3:] or JOBS) > 0)
