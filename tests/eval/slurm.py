#!/usr/bin/python3
"""slurm.py CPUS: a Slurm cluster of one node for a test: munge, controller and node of Debian's slurm-wlm as this user, without systemd
or cgroups, on ports, keys and files of their own. Prints its folder or why there is none, as JSON; when standard input ends, however the
test did, all of it ends, jobs too."""
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'scontrol', 'sinfo']
PATH = os.environ['PATH'] + ':/usr/sbin:/sbin'
START_SECONDS = 60  # for what is up in one or two where it can be at all
END_SECONDS = 20
PR_SET_CHILD_SUBREAPER = 36
CONFIGURATION = """\
ClusterName=mseg
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MpiDefault=none
MailProg=/bin/true
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


class Unavailable(Exception):
    """Why there is no Slurm here."""


def environment(folder):
    """For the programs of the cluster in the folder."""
    others = {name: text for name, text in os.environ.items() if not name.startswith(('SLURM', 'SBATCH'))}
    return {**others, 'PATH': PATH, 'SLURM_CONF': os.path.join(folder, 'slurm.conf')}


def free_ports():
    with socket.socket() as one, socket.socket() as other:
        for listener in [one, other]:
            listener.bind(('127.0.0.1', 0))
        return one.getsockname()[1], other.getsockname()[1]


def descendants():
    """This process's, among them orphans of its children (PR_SET_CHILD_SUBREAPER)."""
    parents = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat', encoding='ascii', errors='replace') as file:
                parents[int(name)] = int(file.read().rpartition(')')[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


class Daemons:
    def __init__(self, folder, cpus):
        self.folder, self.cpus, self.running = folder, cpus, {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self):
        missing = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
        if missing:
            raise Unavailable(f'{missing[0]} is not installed (Debian: slurm-wlm)')
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            raise Unavailable(f'user {os.getuid()} has no name') from None
        os.chmod(self.folder, 0o711)  # munge wants its socket's folder open to all
        for name in ['state', 'spool']:
            os.mkdir(self.path(name))
        with open(os.open(self.path('key'), os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as file:
            file.write(os.urandom(128))
        ports = free_ports()
        with open(self.path('slurm.conf'), 'w', encoding='ascii') as file:
            file.write(CONFIGURATION.format(host=socket.gethostname().split('.')[0], user=user, folder=self.folder, cpus=self.cpus,
                                            controller_port=ports[0], node_port=ports[1]))

    def launch(self, name, *arguments):
        with open(self.path(name + '.out'), 'wb') as out:
            self.running[name] = subprocess.Popen([name, *arguments], env=environment(self.folder), stdin=subprocess.DEVNULL, stdout=out,
                                                  stderr=out)

    def start(self):
        munge = {'key-file': 'key', 'socket': 'munge.socket', 'pid-file': 'munge.pid', 'log-file': 'munge.log', 'seed-file': 'munge.seed'}
        self.launch('munged', '--foreground', *[f'--{option}={self.path(name)}' for option, name in munge.items()])
        self.wait_until('munged', lambda: os.path.exists(self.path('munge.socket')))
        self.launch('slurmctld', '-D')
        self.launch('slurmd', '-D', '-N', 'node')
        ask = ['sinfo', '-h', '-o', '%T']
        self.wait_until('slurmd', lambda: subprocess.run(ask, env=environment(self.folder), stdout=subprocess.PIPE, check=False,
                                                         stderr=subprocess.DEVNULL).stdout == b'idle\n')

    def wait_until(self, name, done):
        end = time.monotonic() + START_SECONDS
        while not done():
            ended = [daemon for daemon, process in self.running.items() if process.poll() is not None]
            if ended or time.monotonic() > end:
                raise Unavailable(self.complaint(ended[0] if ended else name))
            time.sleep(0.1)

    def complaint(self, name):
        with open(self.path(name + '.out'), encoding='utf-8', errors='replace') as file:
            errors = [line.strip() for line in file if 'rror: ' in line]
        return f'{name} does not start: ' + (errors[-1] if errors else 'no reason given')

    def end(self):
        for name in ['slurmd', 'slurmctld', 'munged']:
            if name in self.running:
                self.running[name].terminate()
                try:
                    self.running[name].wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    self.running[name].kill()
        while left := descendants():  # jobs, and the processes that watch over them
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass  # not yet this process's own


def serve(cpus):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix='mseg-slurm-') as folder:
        daemons = Daemons(folder, cpus)
        try:
            daemons.configure()
            daemons.start()
            print(json.dumps({'folder': folder}), flush=True)
            sys.stdin.read()
        except Unavailable as reason:
            print(json.dumps({'unavailable': str(reason)}), flush=True)
        finally:
            daemons.end()


class Cluster:
    """A cluster to be closed; Unavailable says why there is none. cpus: processors that the node says it has."""

    def __init__(self, cpus):
        self.server = subprocess.Popen([sys.executable, '-B', __file__, str(cpus)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       start_new_session=True)
        said = json.loads(self.server.stdout.readline())
        if 'unavailable' in said:
            self.close()
            raise Unavailable(said['unavailable'])
        self.environment = environment(said['folder'])

    def close(self):
        self.server.communicate()

    def wait(self, job):
        """Until all tasks of the job have ended or never will: {(state, exit code)}."""
        show = ['scontrol', 'show', 'job', '-o', str(job)]
        while True:
            lines = subprocess.run(show, env=self.environment, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
            fields = [dict(word.partition('=')[::2] for word in line.split(' ')) for line in lines]
            states = {(f['JobState'] if f['Reason'] != 'DependencyNeverSatisfied' else f['Reason'], f['ExitCode']) for f in fields}
            if not {'PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING'} & {state for state, _ in states}:
                return states
            time.sleep(0.1)


if __name__ == '__main__':
    serve(int(sys.argv[1]))
