"""What stays in the background of the VM, and the files by which later runs reach it."""

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
    is_hung = thread.is_alive()
    # Before the result: the program that waits for it opens the disk exclusively.
    if not is_hung:
        os.close(device)
    put("result", json.dumps({**note, "isHung": is_hung}))
