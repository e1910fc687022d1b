"""Persistent reservations (E7 and E10), as the driver makes them: write exclusive, so that only their holder writes."""

# Requests of linux/pr.h, for SCSI and NVMe alike.
PR_REGISTER, PR_RESERVE, PR_PREEMPT_ABORT = 0x401870C8, 0x401070C9, 0x401870CC
IGNORE_KEY, WRITE_EXCLUSIVE = 1, 1
# Statuses of SCSI. By the second one a device refers to its sense data, which these requests do not return.
RESERVATION_CONFLICT, CHECK_CONDITION = 0x18, 2
# A request of scsi/sg.h, and PERSISTENT RESERVE IN with READ RESERVATION: linux/pr.h has had that only lately.
SG_IO, FROM_DEVICE, SG_TIMEOUT_MS = 0x2285, -3, 30_000
READ_RESERVATION, ANSWER_BYTES = bytes([0x5E, 1, 0, 0, 0, 0, 0, 0, 24, 0]), 24


def ask_reservations(device, request, content):
    """Whether the disk did it; not, if it answered a reservation conflict."""
    # A positive result is the status of SCSI or NVMe. A device reports a pending unit attention once, by CHECK CONDITION
    # instead of what was asked; one that has another reason has it again.
    for _ in range(2):
        try:
            status = fcntl.ioctl(device, request, bytearray(content), True)
        except OSError as error:
            end_with({"refused": "the VM's kernel or disk takes no reservations: %s" % name_of(error)})
        if status & 0xFF != CHECK_CONDITION:
            break
    if status not in (0, RESERVATION_CONFLICT):
        end_with({"refused": refusal_of(status)})
    return status == 0


def refusal_of(status):
    reasons = {CHECK_CONDITION: "CHECK CONDITION: the sense key is in the VM's kernel log (dmesg)"}
    return "the disk takes no reservation: status 0x%x %s" % (status, reasons.get(status & 0xFF, ""))


def register(device, key):
    if not ask_reservations(device, PR_REGISTER, struct.pack("<QQII", 0, key, IGNORE_KEY, 0)):
        end_with({"refused": "the disk refuses the registration of a key"})


def reserve():
    device = open_marked()
    register(device, ASKED["key"])
    content = struct.pack("<QII", ASKED["key"], WRITE_EXCLUSIVE, 0)
    end_with({"outcome": outcome_of(ask_reservations(device, PR_RESERVE, content))})


def release():
    """Ends the registration of this VM, and the reservation that it has by it."""
    register(open_disk(os.O_RDWR), 0)
    end_with({})


def preempt():
    """Takes the reservation from a key, and counts the blocks of the round that land although that is done."""
    device = open_disk(os.O_RDWR)
    register(device, ASKED["key"])
    landed = landed_after(device, 0)
    content = struct.pack("<QQII", ASKED["earlier"], ASKED["key"], WRITE_EXCLUSIVE, 0)
    is_done = ask_reservations(device, PR_PREEMPT_ABORT, content)
    landed = last = landed_after(device, landed)
    until = time.monotonic() + ASKED["watchS"]
    while is_done and time.monotonic() < until:
        last = landed_after(device, last)
        time.sleep(PAUSE_S)
    holder = reservation_in(read_reservation(device))
    end_with({"outcome": outcome_of(is_done), "landed": landed, "late": last - landed, "holder": holder})


def outcome_of(is_done):
    return "done" if is_done else "conflict"


def landed_after(device, last):
    """The last block of the round that is on the disk, if all up to `last` are."""
    while issued_at(device, last + 1) is not None:
        last += 1
    return last


def read_reservation(device):
    answer, sense = ctypes.create_string_buffer(ANSWER_BYTES), ctypes.create_string_buffer(32)
    command = ctypes.create_string_buffer(READ_RESERVATION, len(READ_RESERVATION))
    addresses = [ctypes.addressof(buffer) for buffer in (answer, command, sense)]
    sizes = [len(READ_RESERVATION), len(sense), 0, ANSWER_BYTES]
    # struct sg_io_hdr: what is asked, and the statuses of the command, the host and the driver.
    header = bytearray(88)
    struct.pack_into("iiBBHIPPPII", header, 0, ord("S"), FROM_DEVICE, *sizes, *addresses, SG_TIMEOUT_MS, 0)
    for _ in range(2):
        try:
            fcntl.ioctl(device, SG_IO, header, True)
        except OSError as error:
            end_with({"refused": "the disk is no SCSI disk, or shows no reservation: %s" % name_of(error)})
        status, *_, host, driver = struct.unpack_from("BBBBHH", header, 64)
        if status != CHECK_CONDITION:
            break
    if status != 0 or host != 0:
        end_with({"refused": "the disk shows no reservation: statuses %d, %d, %d" % (status, host, driver)})
    return answer.raw


def reservation_in(answer):
    """Key and type in the answer of READ RESERVATION; None: there is no reservation."""
    length, key, scope_and_type = struct.unpack_from(">4xIQ5xB", bytes(answer))
    return {"key": key, "type": scope_and_type & 0xF} if length >= 16 else None


def write_once():
    device = open_marked()
    try:
        write_block(device, FIRST - BLOCK, MARK)
        end_with({"outcome": "written"})
    except OSError as error:
        end_with({"outcome": name_of(error)})
