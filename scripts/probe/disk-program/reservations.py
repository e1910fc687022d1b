"""Persistent reservations (E7)."""

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
