"""Who may use which memory."""

from runner.intercept.scratch import REGION_BYTES, SLOT_BYTES, SLOTS, TEXT_BYTES, ScratchBook


def test_slots_do_not_overlap_and_leave_the_mark_alone():
    book = ScratchBook()
    region = book.add(1, 0x10000)
    slots = sorted(book.claim(region).address for _index in range(SLOTS))
    assert slots[0] >= region.address + len(region.mark)
    assert all(later - earlier >= SLOT_BYTES for earlier, later in zip(slots, slots[1:], strict=False))
    assert slots[-1] + SLOT_BYTES <= region.address + REGION_BYTES
    assert TEXT_BYTES > 4096


def test_a_slot_belongs_to_one_call_until_it_is_given_back():
    book = ScratchBook()
    region = book.add(1, 0x10000)
    slots = [book.claim(region) for _index in range(SLOTS)]
    assert book.claim(region) is None
    book.give_back(slots[3])
    assert book.claim(region).address == slots[3].address


def test_a_child_inherits_the_mapping_and_shares_its_slots():
    # A vforked child runs in its parent's memory: the two must not use one slot.
    book = ScratchBook()
    region = book.add(1, 0x10000)
    assert book.regions(2, parent=1) == [region]
    assert book.claim(book.regions(2, parent=1)[0]).address != book.claim(region).address


def test_a_new_program_has_no_mapping_and_inherits_none():
    book = ScratchBook()
    book.add(1, 0x10000)
    book.regions(2, parent=1)
    book.forget(2)
    assert book.regions(2, parent=1) == []


def test_what_a_child_maps_is_not_the_parents():
    book = ScratchBook()
    book.regions(2, parent=1)
    book.add(2, 0x10000)
    assert book.regions(1, parent=0) == []


def test_two_processes_may_map_at_one_address():
    book = ScratchBook()
    first, second = book.add(1, 0x10000), book.add(2, 0x10000)
    book.give_back(book.claim(second))
    assert len(first.free) == SLOTS
    assert len(second.free) == SLOTS
    assert first.mark != second.mark


def test_a_process_that_cannot_map_is_not_asked_again_until_its_next_program():
    book = ScratchBook()
    book.refuse(1)
    assert book.refused(1)
    book.forget(1)
    assert not book.refused(1)
