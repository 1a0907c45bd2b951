"""The life of a thread, by scripts of stops, in both orders of stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.intercept.machine import (
    Abandon,
    Announced,
    CallFiltered,
    Examine,
    Examined,
    Finish,
    Go,
    GroupStopped,
    Machine,
    Order,
    Phase,
    ProgramReplaced,
    Resume,
    Rewrite,
    SignalArrived,
    SyscallStopped,
    Thread,
    Tracing,
)
from runner.intercept.verdict import LEAVE, Ending, Verdict

ENDING = Ending(saved="registers")
REDIRECT = Verdict(arguments={1: 5}, ending=ENDING)
WATCH = Verdict(ending=ENDING)
LINUX = Machine(Tracing.FILTERED, Order.SECCOMP_THEN_EXIT)
GVISOR = Machine(Tracing.FILTERED, Order.SECCOMP_THEN_ENTRY)
EVERY = Machine(Tracing.EVERY_CALL, Order.SECCOMP_THEN_EXIT)
CONT, SYSCALL = Resume(Go.CONT), Resume(Go.SYSCALL)


def play(machine, *stops):
    """The actions at each stop."""
    thread, actions = Thread(), []
    for stop in stops:
        thread, now = machine.step(thread, stop)
        actions.append(list(now))
    return actions


@pytest.mark.parametrize("machine", [LINUX, GVISOR], ids=["linux", "gvisor"])
def test_a_miss_costs_one_stop(machine):
    assert play(machine, CallFiltered(), Examined(LEAVE)) == [[Examine()], [CONT]]


def test_a_redirect_costs_two_stops_on_linux():
    assert play(LINUX, CallFiltered(), Examined(REDIRECT), SyscallStopped()) == [
        [Examine()],
        [Rewrite(REDIRECT), SYSCALL],
        [Finish(ENDING), CONT],
    ]


def test_a_redirect_costs_three_stops_in_gvisor_and_is_not_ended_at_the_entry():
    assert play(GVISOR, CallFiltered(), Examined(REDIRECT), SyscallStopped(), SyscallStopped()) == [
        [Examine()],
        [Rewrite(REDIRECT), SYSCALL],
        [SYSCALL],
        [Finish(ENDING), CONT],
    ]


def test_a_call_that_is_only_watched_is_not_rewritten():
    assert play(LINUX, CallFiltered(), Examined(WATCH), SyscallStopped())[1:] == [[SYSCALL], [Finish(ENDING), CONT]]


def test_without_a_filter_every_call_stops_twice():
    assert play(EVERY, SyscallStopped(), Examined(LEAVE), SyscallStopped(), SyscallStopped()) == [
        [Examine()],
        [SYSCALL],
        [SYSCALL],
        [Examine()],
    ]


def test_without_a_filter_a_redirect_ends_at_the_exit():
    assert play(EVERY, SyscallStopped(), Examined(REDIRECT), SyscallStopped()) == [
        [Examine()],
        [Rewrite(REDIRECT), SYSCALL],
        [Finish(ENDING), SYSCALL],
    ]


@pytest.mark.parametrize("machine", [LINUX, GVISOR, EVERY], ids=["linux", "gvisor", "every call"])
def test_signals_are_delivered_unchanged_also_the_tracers_own(machine):
    onward = Go.SYSCALL if machine is EVERY else Go.CONT
    for number in (5, 19, 23, 9, 64):
        assert play(machine, SignalArrived(number)) == [[Resume(onward, number)]]


def test_a_group_stop_is_kept_and_left_again():
    assert play(LINUX, GroupStopped(), Announced(fresh=True)) == [[Resume(Go.LISTEN)], [CONT]]


def test_a_new_program_gets_none_of_the_old_registers():
    actions = play(LINUX, CallFiltered(), Examined(REDIRECT), ProgramReplaced(), CallFiltered(), Examined(LEAVE))
    assert actions[2:] == [[Abandon(ENDING), CONT], [Examine()], [CONT]]


def test_without_a_filter_the_exit_of_execve_still_comes():
    actions = play(EVERY, SyscallStopped(), Examined(LEAVE), ProgramReplaced(), SyscallStopped(), SyscallStopped())
    assert actions[2:] == [[SYSCALL], [SYSCALL], [Examine()]]


def test_a_new_call_is_never_taken_for_the_exit_of_an_old_one():
    actions = play(LINUX, CallFiltered(), Examined(REDIRECT), CallFiltered(), Examined(LEAVE))
    assert actions[2:] == [[Abandon(ENDING), Examine()], [CONT]]


def test_a_delay_holds_the_call_back_before_it_runs():
    assert play(LINUX, CallFiltered(), Examined(Verdict(delay_s=0.5))) == [[Examine()], [Resume(Go.CONT, 0, 0.5)]]


def test_a_stop_that_nobody_asked_for_does_no_harm():
    assert play(LINUX, SyscallStopped(), CallFiltered()) == [[CONT], [Examine()]]


STOPS = st.one_of(
    st.just(CallFiltered()),
    st.just(SyscallStopped()),
    st.sampled_from([Examined(LEAVE), Examined(REDIRECT), Examined(WATCH)]),
    st.builds(SignalArrived, st.integers(1, 64)),
    st.just(GroupStopped()),
    st.builds(Announced, st.booleans()),
    st.just(ProgramReplaced()),
)


@given(st.sampled_from([LINUX, GVISOR, EVERY]), st.lists(STOPS, max_size=30))
def test_whatever_comes_a_stop_ends_in_one_resume_or_one_examination(machine, stops):
    thread = Thread()
    for stop in stops:
        thread, actions = machine.step(thread, stop)
        assert [isinstance(action, Resume | Examine) for action in actions] == [False] * (len(actions) - 1) + [True]
        assert (thread.ending is None) or thread.phase is not Phase.RUNNING


@given(st.sampled_from([LINUX, GVISOR, EVERY]), st.lists(STOPS, max_size=30))
def test_whatever_comes_every_ending_is_finished_or_abandoned_at_most_once(machine, stops):
    thread, begun, done = Thread(), 0, 0
    for stop in stops:
        had = thread.ending is not None
        thread, actions = machine.step(thread, stop)
        begun += isinstance(stop, Examined) and stop.verdict.ending is not None
        # An examination in the middle of a call cannot happen: the driver examines only when told to.
        done += sum(isinstance(action, Finish | Abandon) for action in actions)
        done += had and isinstance(stop, Examined)
    assert done + (thread.ending is not None) == begun
