"""Runs in a VM for `npm run probe:azure`, as `python3 - JSON`, and prints one JSON object.

Touches no disk but the probe's: the one at the LUN that Azure names, of the probe's size, that no program holds and
that is empty or has the probe's mark. What it leaves in the background ends by itself after `maxS` seconds.
"""

import ctypes, errno, fcntl, json, mmap, os, shutil, signal, struct, subprocess, sys, threading, time

ASKED = json.loads(sys.argv[1])
FOLDER = "/run/probe-azure-" + ASKED["token"]
MARK = ("probe-azure " + ASKED["token"]).encode().ljust(48, b"\0")
BLOCK = 4096
# What of a disk without the mark has to be empty: all of its beginning, and samples of the rest with its end. File
# systems and partition tables have copies of what describes them there.
EMPTY_PARTS, PART, SAMPLE_EVERY = 16, 1 << 20, 64 << 20
# The blocks of a round begin here; before them are the mark, and the block of the reservations.
FIRST = 1 << 20
DEVICE_WAIT_S = 60
# How long a stop waits for an I/O under way: one to a disk that is gone may hang for minutes.
HANG_MAX_S = 10
PAUSE_S = 0.002
# How much later than its program another process ends a cut of the network.
HEAL_SPARE_S = 1
STA_UNSYNC = 0x40


def now_ms():
    return time.time_ns() // 1_000_000


def clock_error_ms():
    """The kernel's bound of the clock's error, of adjtimex(2); None: the clock is not synchronised."""
    timex = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None).adjtimex(timex)
    # It begins with modes, offset, freq, maxerror in microseconds, esterror and status.
    _, _, _, error_us, _, status = struct.unpack_from("Illlli", timex)
    return None if state < 0 or status & STA_UNSYNC else error_us / 1000


def end_with(answer):
    print(json.dumps({"nowMs": now_ms(), "errorMs": clock_error_ms(), **answer}))
    sys.exit(0)


def name_of(error):
    return errno.errorcode.get(error.errno, str(error.errno))


def read_block(device, offset, size=BLOCK):
    page = mmap.mmap(-1, size)
    if os.preadv(device, [page], offset) < size:
        raise OSError(errno.EIO, "short read")
    return bytes(page)


def write_block(device, offset, content):
    page = mmap.mmap(-1, BLOCK)
    page.write(content.ljust(BLOCK, b"\0"))
    if os.pwritev(device, [page], offset) < BLOCK:
        raise OSError(errno.EIO, "short write")


def device_path():
    lun = ASKED["lun"]
    links = ["/dev/disk/azure/scsi1/lun%d" % lun, "/dev/disk/azure/data/by-lun/%d" % lun]
    until = time.monotonic() + DEVICE_WAIT_S
    while True:
        found = {os.path.realpath(link) for link in links if os.path.exists(link)}
        if len(found) == 1:
            return found.pop()
        if time.monotonic() > until:
            end_with({"refused": "%d devices at LUN %d: looked for %s" % (len(found), lun, " and ".join(links))})
        time.sleep(0.1)


def open_disk(flags):
    end_earlier()
    path = device_path()
    try:
        # Exclusively: a disk that is mounted, or part of another device, is refused.
        device = os.open(path, flags | os.O_DIRECT | os.O_EXCL)
    except OSError as error:
        end_with({"refused": "%s can't be opened: %s" % (path, name_of(error))})
    size = os.lseek(device, 0, os.SEEK_END)
    if size != ASKED["sizeBytes"]:
        end_with({"refused": "%s has %d bytes, not the %d of the probe's disk" % (path, size, ASKED["sizeBytes"])})
    # The other VM may mark it meanwhile.
    if not (is_marked(device) or is_empty(device) or is_marked(device)):
        end_with({"refused": "%s is neither empty nor marked as the probe's disk" % path})
    return device


def is_empty(device):
    return not any(any(read_block(device, offset, PART)) for offset in sampled_offsets(ASKED["sizeBytes"]))


def sampled_offsets(size):
    first = [part * PART for part in range(EMPTY_PARTS)]
    return first + list(range(SAMPLE_EVERY, size - PART, SAMPLE_EVERY)) + [size - PART]


def open_marked():
    device = open_disk(os.O_RDWR)
    if not is_marked(device):
        write_block(device, 0, MARK)
    return device


def is_marked(device):
    return read_block(device, 0).startswith(MARK)


def path_of(name):
    return os.path.join(FOLDER, name)


def is_asked(name):
    return os.path.exists(path_of(name))


def put(name, content=""):
    os.makedirs(FOLDER, exist_ok=True)
    with open(path_of(name + ".new"), "w") as file:
        file.write(content)
    os.rename(path_of(name + ".new"), path_of(name))


def take(name, patience_s):
    content = wait_for(name, patience_s)
    if content is None:
        end_with({"refused": "no %s within %d s" % (name, patience_s)})
    return content


def wait_for(name, patience_s):
    until = time.monotonic() + patience_s
    while not is_asked(name):
        if time.monotonic() > until:
            return None
        time.sleep(0.05)
    with open(path_of(name)) as file:
        return json.load(file)


def in_background(work):
    """Lets another process do it, which the end of this one does not end."""
    if os.fork() > 0:
        return
    os.setsid()
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    work()
    os._exit(0)


def until_stopped(work, device, note):
    """Puts what `work` notes once it ends or `stop` is asked, also while an I/O of it hangs."""

    def noting():
        try:
            work(device, note)
        except OSError as error:
            note["fault"] = name_of(error)

    thread = threading.Thread(target=noting, daemon=True)
    thread.start()
    while thread.is_alive() and not is_asked("stop"):
        time.sleep(0.05)
    thread.join(HANG_MAX_S)
    put("result", json.dumps({**note, "isHung": thread.is_alive()}))


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


CUT_RULE = ["OUTPUT", "!", "-o", "lo", "-m", "comment", "--comment", "probe-azure", "-j", "DROP"]
RULES_MAX = 10


def heal_network():
    """Removes the rule, and returns why it may be there still; None: it is not there."""
    for _ in range(RULES_MAX):
        # It ends with 1 where there is no such rule, and otherwise where it can't look.
        if subprocess.run(["iptables", "-w", "-C", *CUT_RULE], stderr=subprocess.DEVNULL).returncode == 1:
            return None
        deleted = subprocess.run(["iptables", "-w", "-D", *CUT_RULE], stderr=subprocess.PIPE)
    why = deleted.stderr.decode(errors="replace").strip()[-200:]
    return "its network may still be cut: run iptables -D %s (%s)" % (" ".join(CUT_RULE), why)


def heal_later(after_s):
    """Another process removes the rule, too, should this one be killed."""
    rule = " ".join(CUT_RULE)
    loop = "for i in $(seq %d); do iptables -w -C %s || [ $? -ne 1 ] || exit 0; iptables -w -D %s; done"
    script = "sleep %f; %s" % (after_s, loop % (RULES_MAX, rule, rule))
    silent = subprocess.DEVNULL
    return subprocess.Popen(["sh", "-c", script], start_new_session=True, stdin=silent, stdout=silent, stderr=silent)


def wait_unless_stopped(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not is_asked("stop"):
        time.sleep(0.05)


def cut_network():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    wait_unless_stopped(ASKED["cutAfterS"])
    cut_ms, later = now_ms(), None
    try:
        if not is_asked("stop"):
            later = heal_later(ASKED["cutForS"] + HEAL_SPARE_S)
            cut_ms = now_ms()
            subprocess.run(["iptables", "-w", "-I", *CUT_RULE], check=True)
            wait_unless_stopped(ASKED["cutForS"])
    finally:
        fault = heal_network()
        if later is not None and fault is None:
            os.killpg(later.pid, signal.SIGTERM)
        put("cut", json.dumps({"cutMs": cut_ms, "healedMs": now_ms(), "cutFault": fault}))


def end_earlier():
    """Ends what a round has left that was not stopped: it holds the disk, and may cut the network."""
    if is_asked("running"):
        put("stop")
        # One that was killed has no result. One that still holds the disk makes it busy.
        wait_for("result", 2 * HANG_MAX_S)
        if is_asked("cuts"):
            wait_for("cut", HANG_MAX_S)
            fault = heal_network()
            if fault is not None:
                end_with({"refused": fault})
    shutil.rmtree(FOLDER, ignore_errors=True)


def end_all():
    end_earlier()
    end_with({})


def start_writing():
    cuts = ASKED["cutForS"] > 0
    if cuts and shutil.which("iptables") is None:
        end_with({"refused": "iptables is missing in the VM; install it"})
    device = open_marked()
    put("running")
    note = {"acknowledged": 0, "failed": None, "failedMs": 0, "triedMs": 0}
    in_background(lambda: until_stopped(write_blocks, device, note))
    begun = take("begun", DEVICE_WAIT_S)
    if cuts:
        put("cuts")
        in_background(cut_network)
    end_with(begun)


def start_watching():
    device = open_disk(os.O_RDONLY)
    put("running")
    note = {"seen": [], "last": 0, "untilMs": 0, "isMarked": False}
    in_background(lambda: until_stopped(watch_blocks, device, note))
    end_with(take("begun", DEVICE_WAIT_S))


def resume():
    put("resume")
    end_with({})


def stop():
    put("stop")
    result = take("result", 2 * HANG_MAX_S)
    cut = take("cut", DEVICE_WAIT_S) if ASKED["hasCut"] else {}
    if cut.get("cutFault") is not None:
        end_with({"refused": cut["cutFault"]})
    shutil.rmtree(FOLDER)
    if "seen" in result:
        result = summary(ASKED["afterMs"], **result)
    end_with({**result, **cut})


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


# Requests of linux/pr.h, for SCSI and NVMe alike.
PR_REGISTER, PR_RESERVE = 0x401870C8, 0x401070C9
IGNORE_KEY, WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 1, 3
# The status of SCSI by which a device refers to its sense data, which these requests do not return.
CHECK_CONDITION = 2


def ask_reservations(device, request, content):
    # A positive result is the status of SCSI or NVMe. A device reports a pending unit attention once, by CHECK CONDITION
    # instead of what was asked; one that has another reason has it again.
    for _ in range(2):
        status = fcntl.ioctl(device, request, bytearray(content), True)
        if status & 0xFF != CHECK_CONDITION:
            break
    if status != 0:
        end_with({"refused": refusal_of(status)})


def refusal_of(status):
    reasons = {
        0x18: "RESERVATION CONFLICT: another VM holds one",
        CHECK_CONDITION: "CHECK CONDITION: the sense key is in the VM's kernel log (dmesg)",
    }
    return "the disk takes no reservation: status 0x%x %s" % (status, reasons.get(status & 0xFF, ""))


def reserve():
    device = open_marked()
    key = ASKED["key"]
    try:
        ask_reservations(device, PR_REGISTER, struct.pack("<QQII", 0, key, IGNORE_KEY, 0))
        ask_reservations(device, PR_RESERVE, struct.pack("<QII", key, WRITE_EXCLUSIVE_REGISTRANTS_ONLY, 0))
    except OSError as error:
        end_with({"refused": "the VM's kernel or disk takes no reservations: %s" % name_of(error)})
    end_with({})


def write_once():
    device = open_marked()
    try:
        write_block(device, FIRST - BLOCK, MARK)
        end_with({"outcome": "written"})
    except OSError as error:
        end_with({"outcome": name_of(error)})


if __name__ == "__main__":
    {
        "write": start_writing,
        "watch": start_watching,
        "resume": resume,
        "stop": stop,
        "endAll": end_all,
        "reserve": reserve,
        "writeOnce": write_once,
    }[ASKED["do"]]()
