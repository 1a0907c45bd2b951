"""The whole loop against a simulated kernel: any script, either order of stops, any thread killed at any moment."""

import os

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_kernel import FILTERED, MMAP, PLAIN, Call, Receive, SimulatedKernel, Spawn, Stop

from runner.intercept import abi_x86_64 as abi
from runner.intercept.emit import Emitter
from runner.intercept.finish import Finisher
from runner.intercept.machine import Machine, Order, Tracing
from runner.intercept.rules import compile_rules
from runner.intercept.scratch import SLOTS, Region, ScratchBook
from runner.intercept.signals import OwnSignals
from runner.intercept.tracer import Tracer, exit_code
from runner.intercept.verdict import LEAVE, Ending, KeepMapping, Verdict
from runner.model.view import View

MISS, HIT, ODD = 0x1000, 0x2000, 0x3000
LAYER_FD = 1000


@attrs.define
class ScriptedExaminer:
    """Redirects HIT by registers alone, and ODD through scratch memory."""

    kernel: SimulatedKernel
    scratch: ScratchBook

    def refresh(self):
        pass

    def recovers(self, _tid):
        return False

    def examine(self, tid):
        registers = self.kernel.registers(tid)
        pointer = abi.arguments(registers)[1]
        if abi.number(registers) != FILTERED or pointer not in (HIT, ODD):
            return LEAVE
        saved = abi.copy(registers)
        if pointer == HIT:
            return Verdict(arguments={0: LAYER_FD, 1: HIT + 1}, ending=Ending(saved))
        for region in self.scratch.regions(tid, 0):
            slot = self.scratch.claim(region)
            if slot:
                return Verdict(arguments={0: LAYER_FD, 1: slot.address}, ending=Ending(saved, slots=(slot,)))
        return Verdict(number=MMAP, ending=Ending(saved, effects=(KeepMapping(),)))


@attrs.define
class WatchedBook(ScratchBook):
    """Remembers every region that was ever mapped."""

    mapped: list[Region] = attrs.field(factory=list)

    def add(self, process, address):
        self.mapped.append(super().add(process, address))
        return self.mapped[-1]


@attrs.define
class Trial:
    kernel: SimulatedKernel
    tracer: Tracer
    scratch: WatchedBook

    @property
    def threads(self):
        return list(self.kernel.threads.values())


def play(
    order,
    tracing,
    *scripts,
    assumed=None,
    choose=lambda _count: 0,
    kill_before=lambda _count: False,
    on_exit=lambda _tid, _status: False,
):
    """Run scripts to their end; ``assumed`` is the order that the tracer believes in."""
    kernel = SimulatedKernel(order, tracing is Tracing.FILTERED, choose, kill_before)
    scratch = WatchedBook()
    reading, writing = os.pipe()
    tracer = Tracer(
        kernel=kernel,
        machine=Machine(tracing, assumed or order),
        examiner=ScriptedExaminer(kernel, scratch),
        finisher=Finisher(kernel, compile_rules(View(), "/layer"), scratch, {}),
        emitter=Emitter(writing),
        on_exit=on_exit,
        on_exec=lambda _pid: None,
        signals=OwnSignals(),
    )
    for script in scripts:
        kernel.spawn(script)
    tracer.run()
    os.close(reading)
    os.close(writing)
    return Trial(kernel, tracer, scratch)


ORDERS = pytest.mark.parametrize("order", list(Order), ids=lambda order: order.value)
TRACINGS = pytest.mark.parametrize("tracing", list(Tracing), ids=lambda tracing: tracing.value)


def call(pointer, number=FILTERED):
    return Call(number, (3, pointer, 12, 13, 14, 15))


@ORDERS
@TRACINGS
def test_only_the_redirected_call_runs_with_other_arguments(order, tracing):
    trial = play(order, tracing, (call(MISS), call(HIT), call(MISS), call(MISS, PLAIN)))
    (thread,) = trial.threads
    assert thread.executed == [
        (FILTERED, (3, MISS, 12, 13, 14, 15)),
        (FILTERED, (LAYER_FD, HIT + 1, 12, 13, 14, 15)),
        (FILTERED, (3, MISS, 12, 13, 14, 15)),
        (PLAIN, (3, MISS, 12, 13, 14, 15)),
    ]
    assert thread.kept == [True] * 4


@ORDERS
def test_a_miss_costs_one_stop_and_an_uninteresting_call_none(order):
    trial = play(order, Tracing.FILTERED, (call(MISS),) * 5 + (call(MISS, PLAIN),) * 9)
    assert trial.tracer.emitter.stops == {"event": 1, "seccomp": 5, "exit": 1}


@pytest.mark.parametrize(("order", "stops"), [(Order.SECCOMP_THEN_EXIT, 1), (Order.SECCOMP_THEN_ENTRY, 2)])
def test_a_hit_costs_one_more_stop_on_linux_and_two_in_gvisor(order, stops):
    trial = play(order, Tracing.FILTERED, (call(HIT),) * 5)
    assert trial.tracer.emitter.stops == {"event": 1, "seccomp": 5, "syscall": 5 * stops, "exit": 1}


@ORDERS
@TRACINGS
def test_memory_is_mapped_once_and_the_call_runs_again(order, tracing):
    trial = play(order, tracing, (call(ODD), call(ODD)))
    (thread,) = trial.threads
    (region,) = trial.scratch.mapped
    slot = region.address + 64
    assert [(number, arguments[0]) for number, arguments in thread.executed] == [(FILTERED, LAYER_FD)] * 2
    assert all(slot <= arguments[1] < region.address + (1 << 17) for _number, arguments in thread.executed)
    assert thread.kept == [True, True]


@ORDERS
@TRACINGS
def test_threads_that_always_come_first_do_not_hold_up_the_others(order, tracing):
    ended = []
    busy = (call(MISS),) * 300
    # The latest stop is reported first, so one of the busy threads is always before the one that has little to do.
    trial = play(
        order,
        tracing,
        (call(MISS),) * 10,
        busy,
        busy,
        choose=lambda count: count - 1,
        on_exit=lambda tid, _status: ended.append(tid),
    )
    assert ended[0] == min(trial.kernel.threads)


def test_the_wrong_order_is_noticed_by_these_tests():
    # Linux's assumption on gVisor's order: the redirect is undone at the entry, before the call runs.
    trial = play(Order.SECCOMP_THEN_ENTRY, Tracing.FILTERED, (call(HIT),), assumed=Order.SECCOMP_THEN_EXIT)
    assert trial.threads[0].executed == [(FILTERED, (3, HIT, 12, 13, 14, 15))]


CALLS = st.builds(call, st.sampled_from([MISS, HIT, ODD]), st.sampled_from([FILTERED, FILTERED, PLAIN]))
SIMPLE = st.one_of(CALLS, CALLS, st.builds(Receive, st.integers(1, 64)), st.just(Stop()))
SCRIPTS = st.recursive(
    st.lists(SIMPLE, max_size=6).map(tuple),
    lambda inner: st.lists(st.one_of(SIMPLE, st.builds(Spawn, inner)), max_size=5).map(tuple),
    max_leaves=6,
)


def scripts_in(script):
    return [script, *(deeper for step in script if isinstance(step, Spawn) for deeper in scripts_in(step.script))]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(Order)), st.sampled_from(list(Tracing)), SCRIPTS, st.data())
def test_every_call_runs_once_and_every_signal_arrives_whatever_the_order_of_reports(order, tracing, script, data):
    trial = play(order, tracing, script, choose=lambda count: data.draw(st.integers(0, count - 1)))
    assert len(trial.threads) == len(scripts_in(script))
    for thread in trial.threads:
        calls = [step for step in thread.script if isinstance(step, Call)]
        assert [number for number, _arguments in thread.executed] == [step.number for step in calls]
        for step, (number, arguments) in zip(calls, thread.executed, strict=True):
            redirected = number == FILTERED and step.arguments[1] != MISS
            assert (arguments[0] == LAYER_FD) == redirected
            assert redirected or arguments == step.arguments
        assert all(thread.kept)
        assert thread.received == [step.number for step in thread.script if isinstance(step, Receive)]
    assert all(len(region.free) == SLOTS for region in trial.scratch.mapped)
    assert not trial.tracer._threads


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(Order)),
    st.sampled_from(list(Tracing)),
    SCRIPTS,
    st.sets(st.integers(1, 60), max_size=6),
    st.data(),
)
def test_threads_killed_at_any_request_are_forgotten_and_the_others_go_on(order, tracing, script, kills, data):
    trial = play(
        order,
        tracing,
        script,
        choose=lambda count: data.draw(st.integers(0, count - 1)),
        kill_before=lambda request: request in kills,
    )
    assert all(thread.dead for thread in trial.threads)
    assert all(len(region.free) == SLOTS for region in trial.scratch.mapped)
    assert not trial.tracer._threads


@pytest.mark.parametrize(
    ("status", "expected"), [(0, (0, None)), (3 << 8, (3, None)), (9, (None, 9)), (0x80 | 11, (None, 11))]
)
def test_ends_are_told_apart(status, expected):
    assert exit_code(status) == expected
