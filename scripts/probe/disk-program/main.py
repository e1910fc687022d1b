"""What the probe may ask for."""

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
        in_background(lambda: (os.close(device), cut_network()))
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


if __name__ == "__main__":
    {
        "write": start_writing,
        "watch": start_watching,
        "resume": resume,
        "stop": stop,
        "endAll": end_all,
        "reserve": reserve,
        "preempt": preempt,
        "release": release,
        "writeOnce": write_once,
    }[ASKED["do"]]()
