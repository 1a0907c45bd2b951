"""The workload ``kubernetes``: the upstream components, started in order of readiness and watched over by one process.

``python -m runner.cluster`` is the workload's command. It runs inside the arena, under the interceptor, so every
component is a descendant of the process that is traced. What it starts and with which flags is data (``components``);
nothing here knows of experiments, steps or verdicts.
"""
