"""A throw-away Slurm of two nodes on this machine: own folder, own ports, own key, nothing in /etc."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scancel")
SETTINGS = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
GresTypes=gpu
MinJobAge=600
KillWait=2
SlurmdTimeout=5
BatchStartTimeout=10
UnkillableStepTimeout=20
PartitionName=cpu Nodes={nodes} Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes={nodes} MaxTime=1-00:00:00 State=UP
"""
NODE = (
    "NodeName={node} NodeAddr=127.0.0.1 NodeHostname={host} Port={port} CPUs=4 Boards=1 SocketsPerBoard=1"
    " CoresPerSocket=4 ThreadsPerCore=1 RealMemory=40000 Gres=gpu:fake:1 State=UNKNOWN\n"
)


def missing() -> list[str]:
    """Programs of Slurm that this machine lacks."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return [name for name in PROGRAMS if shutil.which(name, path=places) is None]


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait(what: str, done: Callable[[], object], seconds: float = 60) -> None:
    """Wait until `done()` holds.

    Raises:
        TimeoutError: it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


class Slurm:
    """Two nodes of four cores, 40 GB and one counted GPU each; partitions `cpu` (default) and `gpu`."""

    nodes = ("n1", "n2")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen] = {}
        path = os.pathsep.join(
            [str(folder / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
        )
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    def _configure(self) -> None:
        for name in ("state", "bin", *(f"spool-{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        port, *ports = _free_ports(1 + len(self.nodes))
        names = {
            "host": host,
            "user": getpass.getuser(),
            "folder": self.folder,
            "nodes": ",".join(self.nodes),
        }
        lines = "".join(
            NODE.format(node=node, host=host, port=number)
            for node, number in zip(self.nodes, ports, strict=True)
        )
        head, partitions = SETTINGS.format(port=port, **names).split("PartitionName", 1)
        (self.folder / "slurm.conf").write_text(f"{head}{lines}PartitionName{partitions}")
        gpus = "".join(f"NodeName={node} Name=gpu Type=fake File=/dev/null\n" for node in self.nodes)
        (self.folder / "gres.conf").write_text(gpus)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        # The executor takes SLURM_CONF away before its inner srun; without a database sacct waits for ever.
        programs = {
            "srun": f'export SLURM_CONF={self.folder}/slurm.conf\nexec {shutil.which("srun")} "$@"\n',
            "sacct": "echo 'Slurm accounting storage is disabled' >&2\nexit 1\n",
        }
        for name, text in programs.items():
            program = self.folder / "bin" / name
            program.write_text(f"#!/bin/sh\n{text}")
            program.chmod(0o755)

    def _daemon(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("a") as out:
            self._daemons[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start munge, the controller and the nodes, and wait until the nodes take jobs."""
        self._configure()
        files = ("key-file=munge.key", "socket=munge.socket", "pid-file=munge.pid", "log-file=munge.log")
        options = [
            f"--{option.replace('=', f'={self.folder}/')}" for option in (*files, "seed-file=munge.seed")
        ]
        self._daemon("munged", "munged", "-F", "--force", "--num-threads=2", *options)
        wait("munge", (self.folder / "munge.socket").exists)
        self._daemon("slurmctld", "slurmctld", "-D")
        wait("the controller", lambda: "UP" in self.run("scontrol", "ping"))
        for node in self.nodes:
            self.start_node(node)

    def start_node(self, node: str) -> None:
        """Start the daemon of a node and wait until it takes jobs."""
        self._daemon(node, "slurmd", "-D", "-N", node)
        wait(node, lambda: self.state(node) in ("idle", "mixed", "allocated"))

    def kill_node(self, node: str) -> None:
        """The node goes down: its daemon, its jobs and their keepers are killed at once."""
        jobs = self.run("squeue", "-h", "-w", node, "-o", "%A").split()
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        for pid in self._processes_of(jobs):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _processes_of(self, jobs: list[str]) -> list[int]:
        """Every process of jobs of this cluster, and the keepers (slurmstepd) that started them."""
        mine = str(self.folder / "bin").encode()
        ids = {f"SLURM_JOB_ID={job}".encode() for job in jobs}
        found, parents, keepers = [], set(), set()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes().startswith(b"slurmstepd"):
                    keepers.add(int(entry.name))
                environment = (entry / "environ").read_bytes()
                if mine in environment and ids & set(environment.split(b"\0")):
                    found.append(int(entry.name))
                    parents.add(int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]))
        return [*(parents & keepers), *found]

    def state(self, node: str) -> str:
        """State of a node: idle, mixed, allocated, down ..."""
        return self.run("sinfo", "-h", "-n", node, "-p", "cpu", "-o", "%T").strip().rstrip("*")

    def jobs(self) -> list[tuple[str, str, str]]:
        """Jobs that wait or run: their id, state and comment (which names the rule)."""
        lines = self.run("squeue", "-h", "-o", "%i|%T|%k").splitlines()
        return [tuple(line.split("|", 2)) for line in lines]

    def run(self, *command: str) -> str:
        """Output of a command of Slurm; nothing where it fails."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=30)
        return done.stdout

    def stop(self) -> None:
        """End all jobs and daemons."""
        if "slurmctld" in self._daemons:
            self.run("scancel", "--user", getpass.getuser())
            wait("the end of all jobs", lambda: not self.jobs(), 30)
        for name in reversed(list(self._daemons)):
            self._daemons[name].terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
