"""Test data that is not part of the project: in the folder $MSEG_SHARED, else in ../shared beside the checkout when that is the one
meant (it has models/SOURCES.md)."""
import os

_BESIDE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../shared'))
_OURS = os.path.exists(os.path.join(_BESIDE, 'models/SOURCES.md'))
SHARED = os.path.realpath(os.environ.get('MSEG_SHARED') or (_BESIDE if _OURS else '/no-shared'))


def path(*names):
    return os.path.join(SHARED, *names)


def missing(paths, what):
    """Whether one of the paths is not there; then says in a line what is not tested."""
    for name in paths:
        if not os.path.exists(name):
            print(f'SKIP: {name} is not there: {what} NOT tested (set MSEG_SHARED)', flush=True)
            return True
    return False
