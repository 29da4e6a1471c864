"""Runs a worker inside of a container, for llem: docker compose exec -T SERVICE python3 -u -c BOOT, with this on stdin.

The first line of stdin is a JSON object that holds this program itself (`shim`) and what it shall do:

    {"shim": "...", "script": "..." | null, "command": ["vllm", ...], "env": {...}, "stdin": "relay" | "hold"}

`script` is piped into the interpreter, so that an image needs nothing of llem; otherwise `command` is started. `env` comes
this way because an argument list can be read by everybody on the machine. The rest of stdin is the worker's where it is
relayed, and only tells that the host lives where it is held. Two other orders: `{"sweep": MARK, "spare_kept": bool}`
ends what a campaign has left, `{"look": PATHS}` says what can be seen from here; they may come together.

Killing the client of `docker exec` kills nothing in the container. But its end closes stdin here, whatever ended it, so
that is what ends the worker: its own stdin is closed, or it gets SIGTERM; after a grace its whole process group, and
whatever it has started that left the group, gets SIGKILL. What hangs in a driver call cannot catch that one.

Python 3.8 or newer, nothing but the standard library. Exits as the worker did, or with 128 and the number of its signal.
"""

import os
import signal
import subprocess
import sys
import threading
import time

RELAY_GRACE_S = 1.5
# The 2.5 s that llem gives a server of this machine, so that both end alike.
HOLD_GRACE_S = 2.5
MARK = "LLEM_CAMPAIGN"


def marked(mark):
    """The processes of this container that carry the mark, but for this one and those who asked for it."""
    wanted = (MARK + "=" + mark).encode()
    spared = {os.getpid(), os.getppid()}
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in spared:
            continue
        try:
            with open("/proc/" + name + "/environ", "rb") as environment:
                if wanted in environment.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            pass  # It ended meanwhile, or is another user's.
    return found


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # It is gone already, which is what was wanted.


def sweep(mark, spare_kept):
    """Ends what a campaign has left: all of it, or what lost its keeper. Looks again for what is forked meanwhile."""
    for _ in range(50):
        left = marked(mark)
        if spare_kept:
            keepers = [pid for pid in left if is_keeper(pid)]
            kept = {pid for keeper in keepers for pid in [keeper, *descendants(keeper)]}
            left = [pid for pid in left if pid not in kept]
        if not left:
            return
        kill(left)
        time.sleep(0.02)
    sys.exit("processes of an earlier run do not end: " + ", ".join(map(str, left)))


def is_keeper(pid):
    """Whether it is this program in another process."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as arguments:
            return b"order['shim']" in arguments.read()
    except OSError:
        return False


def start(order):
    env = dict(os.environ, **order["env"])
    # Piped, because one argument may have 128 KiB at most.
    program = order["command"] if order["script"] is None else [sys.executable, "-u", "-c", PIPED]
    source = subprocess.PIPE if order["stdin"] == "relay" else subprocess.DEVNULL
    # A session of its own is a process group of its own.
    child = subprocess.Popen(program, stdin=source, env=env, start_new_session=True, preexec_fn=die_with_parent)
    if order["script"] is not None:
        script = order["script"].encode()
        send(child, b"%d\n" % len(script) + script)
    return child


# Reads as many bytes as the first line says, and is what they are. It must leave the rest in the buffer of stdin.
PIPED = "import sys;i=sys.stdin.buffer;exec(compile(i.read(int(i.readline())),'worker','exec'))"


def send(child, data):
    try:
        child.stdin.write(data)
        child.stdin.flush()
    except OSError:
        pass  # It has ended; its exit says more.


def relay(child):
    """Hands on what comes, until nothing does."""
    while True:
        data = sys.stdin.buffer.read1(1 << 16)
        if not data:
            return
        if child.stdin is not None:
            send(child, data)


def end(child, hold):
    """The host is gone, or wants an end."""
    if hold:
        signal_group(child, signal.SIGTERM)
    else:
        try:
            child.stdin.close()
        except OSError:
            pass
    try:
        child.wait(HOLD_GRACE_S if hold else RELAY_GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    signal_group(child, signal.SIGKILL)


def signal_group(child, number):
    try:
        os.killpg(child.pid, number)
    except OSError:
        pass


def descendants(root):
    """What descends from a process, as long as it runs."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as stat:
                    parents[int(name)] = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                pass
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


def prctl(option, value):
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except Exception:
        pass  # An interpreter without ctypes; the group and the mark remain.


def adopt_orphans():
    """What the worker starts and leaves is then this process's child, and found. prctl(2), PR_SET_CHILD_SUBREAPER."""
    prctl(36, 1)


def die_with_parent():
    """Also when this process is killed. prctl(2), PR_SET_PDEATHSIG."""
    prctl(1, signal.SIGKILL)


def run(order):
    hold = order["stdin"] == "hold"
    adopt_orphans()
    try:
        child = start(order)
    except OSError as error:
        sys.exit("%s cannot be started in this container: %s" % (order["command"][0], error))

    def watch():
        relay(child)
        end(child, hold)

    # The host ends it by stdin; a signal to this process is meant for the worker just the same.
    stop = threading.Thread(target=end, args=(child, hold), daemon=True)
    signal.signal(signal.SIGTERM, lambda *_: stop.start() if stop.ident is None else None)
    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    for _ in range(50):
        left = descendants(os.getpid())
        if not left:
            break
        kill(left)
        reap()
        time.sleep(0.02)
    # Not by sys.exit, which would wait for the thread's read of stdin.
    os._exit(code if code >= 0 else 128 - code)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except OSError:
        pass


def look(paths):
    """Tells llem whether this is its own machine, and which of its paths are not here."""
    import json

    try:
        with open("/proc/sys/kernel/random/boot_id") as boot:
            boot_id = boot.read().strip()
    except OSError:
        boot_id = None
    print(json.dumps({"boot_id": boot_id, "missing": [path for path in paths if not os.path.exists(path)]}))


# The line that reads the order has named it.
if "sweep" in order:  # noqa: F821
    sweep(order["sweep"], order["spare_kept"])  # noqa: F821
if "look" in order:  # noqa: F821
    look(order["look"])  # noqa: F821
if "stdin" in order:  # noqa: F821
    run(order)  # noqa: F821
