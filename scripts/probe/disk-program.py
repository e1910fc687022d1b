"""Runs in a VM for `npm run probe:azure`, as `python3 - JSON`, and prints one JSON object.

Touches no disk but the probe's: the one at the LUN that Azure names, of the probe's size, that no program holds and
that is empty or has the probe's mark. What it leaves in the background ends by itself after `maxS` seconds.
"""

import errno, fcntl, json, mmap, os, shutil, signal, struct, subprocess, sys, time

ASKED = json.loads(sys.argv[1])
FOLDER = "/run/probe-azure-" + ASKED["token"]
MARK = ("probe-azure " + ASKED["token"]).encode().ljust(48, b"\0")
BLOCK = 4096
# How much of a disk without the mark has to be empty.
EMPTY_PARTS, PART = 16, 1 << 20
# The blocks of a round begin here; before them are the mark, and the block of the reservations.
FIRST = 1 << 20
DEVICE_WAIT_S = 60
PAUSE_S = 0.002


def now_ms():
    return time.time_ns() // 1_000_000


def end_with(answer):
    print(json.dumps({"nowMs": now_ms(), **answer}))
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
    return not any(any(read_block(device, part * PART, PART)) for part in range(EMPTY_PARTS))


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
    until = time.monotonic() + patience_s
    while not is_asked(name):
        if time.monotonic() > until:
            end_with({"refused": "no %s within %d s" % (name, patience_s)})
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


def write_blocks(device):
    """Numbered blocks, one after the other; one that fails is tried again, so that what landed has no gaps."""
    until = time.monotonic() + ASKED["maxS"]
    number, failed, tried_ms = 1, None, now_ms()
    while time.monotonic() < until and not is_asked("stop"):
        if number == 2:
            put("begun", json.dumps({}))
            while ASKED["pauses"] and time.monotonic() < until and not (is_asked("resume") or is_asked("stop")):
                time.sleep(0.05)
        tried_ms = now_ms()
        try:
            write_block(device, FIRST + number * BLOCK, block(number))
            number += 1
        except OSError as error:
            failed = failed or name_of(error)
        time.sleep(PAUSE_S)
    put("result", json.dumps({"acknowledged": number - 1, "failed": failed, "triedMs": tried_ms}))


def block(number):
    return MARK + struct.pack("<qqq", ASKED["round"], number, time.time_ns())


def has_landed(device, number):
    return read_block(device, FIRST + number * BLOCK).startswith(MARK + struct.pack("<qq", ASKED["round"], number))


def watch_blocks(device):
    """Notes of the blocks when a read began that did not show them yet: they landed after that."""
    until = time.monotonic() + ASKED["maxS"]
    number, seen, absent_ms = 0, [(0, 0)], 0
    put("begun", json.dumps({}))
    while time.monotonic() < until and not is_asked("stop"):
        read_ms = now_ms()
        if not has_landed(device, number + 1):
            absent_ms = read_ms
            time.sleep(PAUSE_S)
            continue
        number += 1
        if seen[-1][0] == absent_ms:
            seen.pop()
        seen.append((absent_ms, number))
    put("result", json.dumps({"seen": seen, "untilMs": absent_ms, "isMarked": is_marked(device)}))


def cut_network():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    rule = ["OUTPUT", "!", "-o", "lo", "-m", "comment", "--comment", "probe-azure", "-j", "DROP"]
    time.sleep(ASKED["cutAfterS"])
    cut_ms = now_ms()
    try:
        subprocess.run(["iptables", "-w", "-I", *rule], check=True)
        time.sleep(ASKED["cutForS"])
    finally:
        while subprocess.run(["iptables", "-w", "-D", *rule]).returncode == 0:
            pass
        put("cut%d" % ASKED["round"], json.dumps({"cutMs": cut_ms, "healedMs": now_ms()}))


def end_earlier():
    """Ends what a round has left that was not stopped: it holds the disk."""
    if is_asked("running"):
        put("stop")
        take("result", DEVICE_WAIT_S)
    shutil.rmtree(FOLDER, ignore_errors=True)


def start_writing():
    cuts = ASKED["cutForS"] > 0
    if cuts and shutil.which("iptables") is None:
        end_with({"refused": "iptables is missing in the VM; install it"})
    device = open_marked()
    put("running")
    in_background(lambda: write_blocks(device))
    begun = take("begun", DEVICE_WAIT_S)
    if cuts:
        in_background(cut_network)
    end_with(begun)


def start_watching():
    device = open_disk(os.O_RDONLY)
    put("running")
    in_background(lambda: watch_blocks(device))
    end_with(take("begun", DEVICE_WAIT_S))


def resume():
    put("resume")
    end_with({})


def stop():
    put("stop")
    result = take("result", DEVICE_WAIT_S)
    cut = take("cut%d" % ASKED["round"], DEVICE_WAIT_S) if ASKED["hasCut"] else {}
    shutil.rmtree(FOLDER)
    if "seen" in result:
        result = summary(**result)
    end_with({**result, **cut})


def summary(seen, untilMs, isMarked):
    absent_ms, last = seen[-1]
    at_end = max(number for at_ms, number in seen if at_ms <= ASKED["afterMs"])
    return {"last": last, "absentMs": absent_ms, "atEnd": at_end, "untilMs": untilMs, "isMarked": isMarked}


# Requests of linux/pr.h, for SCSI and NVMe alike.
PR_REGISTER, PR_RESERVE = 0x401870C8, 0x401070C9
IGNORE_KEY, WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 1, 3
UNIT_ATTENTION = 2


def ask_reservations(device, request, content):
    for _ in range(2):
        # A positive result is the status of SCSI or NVMe.
        status = fcntl.ioctl(device, request, bytearray(content), True)
        if status & 0xFF != UNIT_ATTENTION:
            break
    if status != 0:
        end_with({"refused": "reservations: status 0x%x" % status})


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


{
    "write": start_writing,
    "watch": start_watching,
    "resume": resume,
    "stop": stop,
    "reserve": reserve,
    "writeOnce": write_once,
}[ASKED["do"]]()
