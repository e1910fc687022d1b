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
