"""A round of E3 and E4: one VM writes numbered blocks, the other one watches them land."""

def write_blocks(device, note):
    """Numbered blocks, one after the other; one that fails is tried again, so that what landed has no gaps."""
    until = time.monotonic() + ASKED["maxS"]
    number = 1
    while time.monotonic() < until and not is_asked("stop"):
        if number == 2:
            put("begun", json.dumps({}))
            while ASKED["pauses"] and time.monotonic() < until and not (is_asked("resume") or is_asked("stop")):
                time.sleep(0.05)
        note["triedMs"] = now_ms()
        try:
            write_block(device, FIRST + number * BLOCK, block(number))
            note["acknowledged"] = number
            number += 1
        except OSError as error:
            note["failed"], note["failedMs"] = name_of(error), note["triedMs"]
        time.sleep(PAUSE_S)


def block(number):
    return MARK + struct.pack("<qqq", ASKED["round"], number, now_ms())


def issued_at(device, number):
    """When the block that is there was issued, by the clock of the VM that wrote it; None: it has not landed."""
    content = read_block(device, FIRST + number * BLOCK)
    if not content.startswith(MARK + struct.pack("<qq", ASKED["round"], number)):
        return None
    return struct.unpack_from("<q", content, len(MARK) + 16)[0]


def watch_blocks(device, note):
    """
    Notes of each block when the last read began that did not show it, when a read ended that did, and when it was
    issued. Ends with a read that does not show the next one.
    """
    until = time.monotonic() + ASKED["maxS"]
    absent_ms = 0
    put("begun", json.dumps({}))
    while time.monotonic() < until:
        read_ms = now_ms()
        is_last = is_asked("stop")
        issued_ms = issued_at(device, note["last"] + 1)
        if issued_ms is not None:
            note["seen"].append([absent_ms, now_ms(), issued_ms])
            note["last"] += 1
            continue
        note["untilMs"] = absent_ms = read_ms
        if is_last:
            break
        time.sleep(PAUSE_S)
    if note["last"] > 0:
        # A write that failed was tried again, and both tries may land, the second one late.
        note["seen"].append([note["seen"][-1][0], now_ms(), issued_at(device, note["last"])])
        if note["seen"][-1][2] == note["seen"][-2][2]:
            note["seen"].pop()
    note["isMarked"] = is_marked(device)


def summary(after_ms, seen, **note):
    """A block landed between the later of its first and third time, and its second."""
    landings = [(max(absent_ms, issued_ms), present_ms) for absent_ms, present_ms, issued_ms in seen]
    unsure = [present_ms for from_ms, present_ms in landings if from_ms <= after_ms < present_ms]
    return {
        **note,
        "late": sum(from_ms > after_ms for from_ms, _ in landings),
        "unsure": len(unsure),
        "landedMs": max((from_ms for from_ms, _ in landings), default=0),
        "seenMs": max((present_ms for _, present_ms in landings), default=0),
    }
