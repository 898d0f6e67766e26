"""A reader of untrusted files that is quick enough for thousands of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from neurotrain_hw.interchange import hdf5

# Reads files in forks of one process that has imported h5py: the same code and limits as a process for each.
SERVER = """
import importlib.util, os, signal, sys, time
spec = importlib.util.spec_from_file_location("child", sys.argv[1])
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
import h5py
for line in sys.stdin:
    out, end, path, *numbers = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            code = child.main(path, *map(int, numbers))
            sys.stdout.flush()
        except BaseException:
            code = 1
        os._exit(code)
    end, done = time.monotonic() + float(end), (0, 0)
    while not done[0] and time.monotonic() < end:
        time.sleep(0.002)
        done = os.waitpid(pid, os.WNOHANG)
    if not done[0]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(done[1]) if done[0] else "hung", flush=True)
"""


@pytest.fixture(scope="session")
def forking_reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """A `subprocess.run` for the child process of `read_tree`, which is forked instead of started."""
    out = tmp_path_factory.mktemp("reader") / "out"
    command = [sys.executable, "-c", SERVER, str(hdf5._CHILD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout

        def run(arguments: list[str], *, timeout: float, **_: Any) -> subprocess.CompletedProcess[bytes]:
            print(out, timeout, *arguments[3:], sep="\t", file=server.stdin, flush=True)
            code = server.stdout.readline().strip()
            if code == "hung":
                raise subprocess.TimeoutExpired(arguments, timeout)
            return subprocess.CompletedProcess(arguments, int(code), out.read_bytes(), b"")

        yield run
        server.stdin.close()


@pytest.fixture
def quick_reader(monkeypatch: pytest.MonkeyPatch, forking_reader: Callable[..., Any]) -> None:
    """`read_tree` with the forking reader."""
    monkeypatch.setattr(hdf5.subprocess, "run", forking_reader)
