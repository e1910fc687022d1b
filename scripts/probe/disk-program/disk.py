"""The probe's disk: finding it, and reading and writing its blocks directly."""

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
