"""Starts a run in the sandbox around this script, kills its tracer with SIGKILL, and prints what came of it as JSON."""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from command import RUNNER, alive, environment, family


def main() -> None:
    """Kill once the workload is under way."""
    with tempfile.TemporaryDirectory() as results:
        words = ("run", "exp13", "--workload", "standin", "--arena", "here", "--keep", "--results", results)
        process = subprocess.Popen(
            [*RUNNER, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
        )
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "milestone apiserver-serving" in line:
                break
        else:
            raise SystemExit("".join(said))
        members = family(process.pid)
        (tracer,) = (pid for (pid, _), words in members.items() if "-m runner.intercept" in words)
        tracees = family(tracer)
        os.kill(tracer, signal.SIGKILL)
        process.communicate()
        result = json.loads(Path(results, "exp13/latest/result.json").read_text())
        found = {
            "kernel": platform.release(),
            "code": process.returncode,
            "verdict": result["verdict"],
            "reason": result["ended_by"]["reason"],
            "detail": result["ended_by"]["detail"],
            "tracees": " ".join(tracees.values()),
            "left": alive(members),
        }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
