"""Runs one job with Lava: `python run.py FOLDER`. Written for CPython 3.10, NumPy 1 and lava-nc 0.10.0.

The folder holds program.nhw, job.json and inputs.npz. The run fills the `.npy` files that the job names and, as its
last act, writes result.json; where it fails, error.txt says why. It ends when its standard input does, so that it
never outlives the process that started it.
"""

import contextlib
import json
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
import traceback
from importlib import metadata
from pathlib import Path

FAILED = 1


def main(folder):
    signal.signal(signal.SIGTERM, lambda *_: give_up(folder, "stopped from outside"))
    threading.Thread(target=_watch_parent, args=(folder,), daemon=True).start()
    try:
        seconds = run(folder)
    except BaseException:  # noqa: BLE001 - whatever happened, the client must be told and the children must end
        give_up(folder, traceback.format_exc())
    versions = {"python": platform.python_version()}
    versions.update({name: metadata.version(name) for name in ("lava-nc", "numpy", "scipy")})
    result = {"versions": versions, "seconds": seconds}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def run(folder):
    """Build the graph and run it; returns the seconds that each took."""
    start = time.perf_counter()
    from graph import Graph
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg

    graph = Graph(folder)
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=graph.models)
    graph.anchor.create_runtime(config)
    done = threading.Event()
    threading.Thread(target=_watch_models, args=(folder, graph.anchor.runtime, done), daemon=True).start()
    built = time.perf_counter()
    try:
        graph.anchor.run(condition=RunSteps(num_steps=graph.steps), run_cfg=config)
    except RuntimeError as error:  # it says how many models failed, not why
        raise RuntimeError("\n".join(_failures(graph.anchor.runtime))) from error
    done.set()
    ran = time.perf_counter()
    graph.anchor.stop()
    return {"build": built - start, "run": ran - built}


def give_up(folder, reason):
    """Say why, end every process of the run, and leave without waiting for locks that dead processes may hold."""
    error = folder / "error.txt"
    if folder.is_dir() and not error.exists():
        error.write_text(reason, encoding="utf-8")
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        with contextlib.suppress(AssertionError, OSError, ValueError):
            multiprocessing.Process.join(child, 2)  # Lava's own join waits without a limit
    os._exit(FAILED)


def _watch_parent(folder):
    """End with the process that holds the other end of standard input."""
    while os.read(0, 1):  # not sys.stdin.read: its lock would be copied, taken, into every child
        pass
    give_up(folder, "the process that asked for this run has ended")


def _watch_models(folder, runtime, done):
    """A model that fails can leave the others waiting for it for ever (lava#231): notice it and end the run."""
    while not done.wait(0.1):
        failures = _failures(runtime)
        if failures and not done.is_set():
            give_up(folder, "\n".join(failures))


def _failures(runtime):
    """For every process of Lava that has ended: why."""
    failures = []
    for actor in runtime._messaging_infrastructure.actors:
        with contextlib.suppress(ValueError):  # raised for a process that was closed
            if actor.exception:
                failures.append(actor.exception[1])
            elif actor.exitcode is not None:
                failures.append(f"a process of Lava ended with exit code {actor.exitcode}")
    return failures


if __name__ == "__main__":
    main(Path(sys.argv[1]))
