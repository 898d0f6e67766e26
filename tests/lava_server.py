"""Lava's worker without its start: runs in forks of one process of Lava's Python that has imported Lava.

The same code runs as in a worker that is started, and each run still has a process group of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurotrain_hw.lava import client

SERVER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import graph, run  # and with them all of Lava that a run needs
import lava.magma.core.run_conditions, lava.magma.core.run_configs
for line in sys.stdin:
    folder, seconds = line.rstrip("\\n").split("\\t")
    held, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(folder)
        os.close(told)
        os.dup2(held, 0)
        for number in (1, 2):
            os.dup2(os.open("log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT), number)
        run.main(Path(folder))
        sys.exit(0)
    os.close(held)
    signal.signal(signal.SIGALRM, lambda *_: os.close(told))  # the run ends when its standard input does
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    late = signal.setitimer(signal.ITIMER_REAL, 0)[0] == 0
    if not late:
        os.close(told)
    print("late" if late else code, flush=True)
"""


@contextmanager
def served(python: Path) -> Iterator[Callable[..., Any]]:
    """A `client._worker` whose processes are forks; only for that interpreter."""
    command = [str(python), "-s", "-c", SERVER, str(client.WORKER.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        sent, answers, started = server.stdin, server.stdout, client._worker

        class Fork:
            returncode = 1

            def __init__(self, folder: Path) -> None:
                self.folder = folder

            def wait(self, timeout_s: float) -> None:
                print(self.folder, timeout_s, sep="\t", file=sent, flush=True)
                said = answers.readline().strip()
                if said == "late":
                    raise subprocess.TimeoutExpired("Lava", timeout_s)
                self.returncode = int(said)

        @contextmanager
        def worker(asked: Path, folder: Path, log: int) -> Iterator[Any]:
            if asked == python:
                yield Fork(folder)
            else:
                with started(asked, folder, log) as process:
                    yield process

        yield worker
        sent.close()
