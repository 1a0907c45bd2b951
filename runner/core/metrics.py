"""What is measured of a run besides its milestones, by name; what was not measured is not there."""

from runner.core.ledger import Ledger


def metrics(ledger: Ledger) -> dict[str, float]:
    """What was measured besides milestones; what was not measured is not there."""
    slow, hook, counted = ledger.slow_sql, ledger.hook, ledger.interception
    found: dict[str, float | None] = {}
    if slow.count:
        found |= {"slow_sql": slow.count, "slow_sql_longest_s": slow.longest_s, "slow_sql_total_s": slow.total_s}
    if counted is not None and counted.delayed:
        found |= {"delayed_calls": counted.delayed, "delayed_s": counted.delayed_s}
    start_s = ledger.started_at_s
    if start_s is not None:
        moments = {
            "hook_first_create_s": hook.first_create_at_s,
            "hook_first_answer_s": hook.answered_at_s,
            "hook_failed_s": hook.failed_at_s,
            "admission_caches_filled_s": max(hook.caches_at_s.values(), default=None),
        }
        found |= {name: at_s - start_s for name, at_s in moments.items() if at_s is not None}
    if hook.answer:
        found |= {"hook_first_answer_code": hook.answer, "admission_caches_missing": len(hook.missing)}
    return {name: round(value, 3) for name, value in found.items() if value is not None}
