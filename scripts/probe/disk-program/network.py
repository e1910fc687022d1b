"""The cut of a VM from its network, which ends by itself."""

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
