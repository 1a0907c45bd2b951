"""From facts to verdicts: assertions, the run as a whole, and whether it is what the plan expects.

Three rules hold throughout. Nothing measured is never a pass. A workaround resolves a blocker only if the blocker is
absent, a milestone beyond it was reached, and what should have done it shows a hit. What the chosen mechanism cannot
show is skipped, with the reason, not failed.
"""

from typing import assert_never

from runner.core.blockers import RULES
from runner.core.counted import counted
from runner.core.ledger import Ledger
from runner.core.metrics import metrics
from runner.model.assertion import Absent, Alive, AnyAssertion, Metric, PodAnswers, Present, Reached, Redirected
from runner.model.fault import AnyFault, Kill, Pause, SlowDisk
from runner.model.kinds import Verdict
from runner.model.plan import RunPlan
from runner.model.result import AssertionResult
from runner.model.step import BindMount, CniPlugin, Symlink, WorkloadFlag, WriteFile

Judged = tuple[Verdict, str]


def hits(plan: RunPlan, ledger: Ledger, name: str) -> tuple[int, str]:
    """How often a step or view part was seen at work, and what was seen.

    Real accesses count for themselves. Where none can be seen (a mount, a lookup that leaves no trace), one hit counts if
    the step was looked at after it was applied and had changed the answer.
    """
    if name in plan.view.parts:
        redirected = sum(n for path, n in ledger.redirects_by_path.items() if plan.view.part_of(path) == name)
        if redirected:
            return redirected, f"{counted(redirected, 'access', 'accesses')} of {name} redirected"
        used = sum(n for path, n in ledger.used.items() if plan.view.part_of(path) == name)
        if used:
            return used, f"{counted(used, 'access', 'accesses')} of {name} seen"
    for fault in plan.faults:
        if fault.id == name:
            return fault_felt(fault, ledger)
    for step in plan.steps:
        if step.id != name:
            continue
        if isinstance(step, WorkloadFlag):
            echo = ledger.flag_echoes.get(name)
            return (1, f"flag seen at the component ({echo.place})") if echo else (0, "")
        paths: tuple[str, ...] = ()
        if isinstance(step, WriteFile | CniPlugin):
            paths = (step.path,)
        elif isinstance(step, BindMount):
            paths = (step.target,)
        elif isinstance(step, Symlink):
            paths = tuple(link.path for link in step.links)
        used = sum(ledger.used.get(path, 0) for path in paths)
        if used:
            return used, f"{counted(used, 'use')} of {name} seen"
    done = ledger.steps.get(name)
    if done is not None and done.outcome in {"applied", "already-there"} and done.verified:
        return 1, f"{name} verified: {done.verified}"
    return 0, ""


def fault_felt(fault: AnyFault, ledger: Ledger) -> tuple[int, str]:
    """How often a fault was seen at work, and what was seen; 0 and why not, when it was not."""
    if isinstance(fault, SlowDisk):
        counted = ledger.interception
        if counted is None or not counted.delayed:
            return 0, "no call was held back"
        return counted.delayed, f"{counted.delayed} calls held back, {counted.delayed_s:.1f} s in all"
    done = ledger.steps.get(fault.id)
    if done is not None and done.outcome == "applied" and done.verified:
        return 1, done.verified
    if isinstance(fault, Pause | Kill):
        return 0, f"no line matched /{fault.at}/"
    return 0, "the limit was never met"


def judge_assertion(plan: RunPlan, ledger: Ledger, assertion: AnyAssertion) -> AssertionResult:
    """Judge one claim; the evidence names what the verdict rests on."""
    if plan.workload not in assertion.workloads:
        return AssertionResult(
            id=assertion.id,
            claim=assertion.claim,
            verdict="skipped",
            evidence=f"says nothing about workload {plan.workload}",
        )
    match assertion:
        case Absent():
            verdict, evidence = _absent(plan, ledger, assertion)
        case Present():
            verdict, evidence = _present(ledger, assertion)
        case Reached():
            verdict, evidence = _reached(ledger, assertion)
        case Redirected():
            verdict, evidence = _redirected(plan, ledger, assertion)
        case Alive():
            verdict, evidence = _alive(ledger, assertion)
        case Metric():
            verdict, evidence = _metric(plan, ledger, assertion)
        case PodAnswers():
            verdict, evidence = _answers(plan, ledger, assertion)
        case _:
            assert_never(assertion)
    return AssertionResult(id=assertion.id, claim=assertion.claim, verdict=verdict, evidence=evidence)


def run_verdict(plan: RunPlan, ledger: Ledger, assertions: tuple[AssertionResult, ...]) -> Verdict:
    """The verdict of the whole run: the target, the assertions, and whether the harness held."""
    if ledger.harness_errors or ledger.ended is None:
        return "error"
    if ledger.ended.reason == "interrupted" or ledger.started_at_s is None:
        return "inconclusive"
    verdicts = {result.verdict for result in assertions}
    if ledger.ended.reason != "target-reached" or "fail" in verdicts:
        return "fail"
    if plan.goal.target not in ledger.milestones or "inconclusive" in verdicts:
        return "inconclusive"
    if not all(fault_felt(fault, ledger)[0] for fault in plan.faults):
        return "inconclusive"
    return "pass"


def differences(
    plan: RunPlan, ledger: Ledger, verdict: Verdict, assertions: tuple[AssertionResult, ...]
) -> tuple[str, ...]:
    """What is not as the plan expects, in words; empty means as expected."""
    expected = plan.expected
    if verdict == "error":
        # Nothing else was measured as it should have been, so nothing else is worth naming.
        return tuple(ledger.harness_errors) or ("no end of the run was recorded",)
    found: list[str] = []
    if verdict != expected.verdict:
        found.append(f"verdict {verdict}, expected {expected.verdict}")
    reason = ledger.ended.reason if ledger.ended else None
    if reason != expected.ended_by:
        found.append(f"ended by {reason}, expected {expected.ended_by}")
    fatal = set(ledger.fatal_blockers)
    declared = set(expected.blockers)
    tolerated = expected.any_of and fatal and fatal <= declared
    if fatal != declared and not tolerated:
        found += [f"new blocker {name}" for name in sorted(fatal - declared)]
        found += [f"expected blocker {name} did not appear" for name in sorted(declared - fatal)]
    if expected.reaches is not None and ledger.proof_of_passing(expected.reaches) is None:
        found.append(f"{expected.reaches} not reached")
    if verdict == "inconclusive" != expected.verdict:
        found += [
            f"fault {fault.id} was not felt: {why}"
            for fault in plan.faults
            for felt, why in (fault_felt(fault, ledger),)
            if not felt
        ]
    if expected.holds:
        found += [
            f"assertion {result.id}: {result.verdict}"
            for result in assertions
            if result.verdict not in ({"fail"} if result.id in expected.fails else {"pass", "skipped"})
        ]
    return tuple(found)


def _absent(plan: RunPlan, ledger: Ledger, assertion: Absent) -> Judged:
    beyond = None
    for blocker in assertion.blockers:
        seen = ledger.blockers.get(blocker)
        if seen is not None:
            return (
                "fail",
                f"{blocker} seen {counted(seen.count, 'time')}, first at {seen.first.place}: {seen.first.text}",
            )
        behind = RULES[blocker].lies_before
        beyond = ledger.proof_of_passing(behind)
        if beyond is None:
            return "inconclusive", f"not seen, but {behind}, which lies beyond it, was not reached"
    shown = [what for name in assertion.by for count, what in (hits(plan, ledger, name),) if count]
    if not shown:
        return (
            "inconclusive",
            f"not seen, and {beyond} was reached, but nothing shows that {' or '.join(assertion.by)} did it",
        )
    return "pass", f"absent; {beyond} reached; {'; '.join(shown)}"


def _present(ledger: Ledger, assertion: Present) -> Judged:
    here = ledger.present.get(assertion.id)
    if here is not None:
        return "pass", f"{here.place}: {here.text}"
    if not ledger.log_lines:
        return "inconclusive", "no log line was seen at all"
    return "fail", f"none of {ledger.log_lines} log lines matches /{assertion.pattern}/"


def _reached(ledger: Ledger, assertion: Reached) -> Judged:
    here = ledger.milestones.get(assertion.milestone)
    if here is None or ledger.started_at_s is None:
        return "fail", f"{assertion.milestone} not reached"
    took_s = here.at_s - ledger.started_at_s
    if assertion.within_s is not None and took_s > assertion.within_s:
        return "fail", f"reached after {took_s:.1f} s, more than {assertion.within_s:g} s"
    return "pass", f"reached {took_s:.1f} s after the start ({here.place})"


def _redirected(plan: RunPlan, ledger: Ledger, assertion: Redirected) -> Judged:
    if plan.mechanism not in {"seccomp", "syscall"}:
        return "skipped", f"mechanism {plan.mechanism} redirects without being asked, so there is nothing to count"
    if not any(file.path.startswith(assertion.prefix) for file in plan.view.files):
        return "skipped", f"every file of the view below {assertion.prefix} was left out"
    below = {
        path: count
        for path, count in ledger.redirects_by_path.items()
        if path == assertion.prefix or path.startswith(assertion.prefix + "/")
    }
    total = sum(below.values())
    if total < assertion.at_least:
        return "fail", f"{counted(total, 'redirect')} below {assertion.prefix}, wanted {assertion.at_least}"
    example = max(below, key=lambda path: below[path])
    return "pass", f"{counted(total, 'redirect')} of {counted(len(below), 'path')}, e.g. {example}"


def _alive(ledger: Ledger, assertion: Alive) -> Judged:
    if ledger.started_at_s is None:
        return "inconclusive", "the workload never started"
    alive_s = (ledger.ended_at_s if ledger.ended_at_s is not None else ledger.last_at_s) - ledger.started_at_s
    if alive_s >= assertion.for_s:
        return "pass", f"up for {alive_s:.1f} s"
    if ledger.ended is not None and ledger.ended.reason in {"exited", "fatal-blocker"}:
        return "fail", f"up for {alive_s:.1f} s only: {ledger.ended.detail}"
    return "inconclusive", f"watched for {alive_s:.1f} s only"


def _answers(plan: RunPlan, ledger: Ledger, assertion: PodAnswers) -> Judged:
    if plan.workload == "replay":
        return "skipped", "a recorded log can answer nothing"
    answer = ledger.answers.get(assertion.id)
    asked = f"kubectl exec {assertion.pod}" if assertion.command else f"kubectl logs {assertion.pod}"
    if answer is None:
        return "inconclusive", f"{asked}: never asked, since the pod never ran"
    text = " ".join(answer.text.split()) or "nothing"
    if not answer.matched:
        return "fail", f"{asked} never matched /{assertion.pattern}/; last answer: {text}"
    return "pass", f"{asked}: {text}"


def _metric(plan: RunPlan, ledger: Ledger, assertion: Metric) -> Judged:
    if plan.workload == "replay" and assertion.metric == "api_requests":
        return "skipped", "a recorded log answers no request"
    if ledger.started_at_s is None:
        return "inconclusive", "the workload never started"
    end_s = ledger.ended_at_s if ledger.ended_at_s is not None else ledger.last_at_s
    values = {
        "workload_s": end_s - ledger.started_at_s,
        "api_requests": float(ledger.api_requests),
        "log_lines": float(ledger.log_lines),
        **metrics(ledger),
    }
    if assertion.metric not in values:
        return "inconclusive", f"{assertion.metric} was not measured"
    value = values[assertion.metric]
    shown = f"{assertion.metric} = {value:.2f}".rstrip("0").rstrip(".")
    if assertion.at_least is not None and value < assertion.at_least:
        return "fail", f"{shown}, wanted at least {assertion.at_least:g}"
    if assertion.at_most is not None and value > assertion.at_most:
        return "fail", f"{shown}, wanted at most {assertion.at_most:g}"
    return "pass", shown
