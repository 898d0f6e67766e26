"""Processes of the demo: none outlives the one that started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

PARENT = """
import os, sys, time
from neurotrain_hw.demo.workers import processes

def main():
    with processes(2) as pool:
        print(os.getpid(), pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()

if __name__ == "__main__":
    main()
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout
        own, child = map(int, parent.stdout.readline().split())
        assert own == parent.pid != child
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while _group_lives(parent.pid):
        assert time.monotonic() < until, "a worker outlived its parent by 20 s"
        time.sleep(0.05)


def _group_lives(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True
