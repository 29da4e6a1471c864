# python3 hang_up.py SECONDS COMMAND...: runs a command on a terminal of its own, which is closed after so many seconds.
# Prints how it ended: {"signal": ..., "exit": ...}.
import json
import os
import pty
import select
import sys
import time

seconds, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
deadline = time.monotonic() + float(seconds)
while time.monotonic() < deadline:
    # What it shows has to be read, or it would wait.
    if select.select([terminal], [], [], 0.1)[0]:
        os.read(terminal, 65536)
os.close(terminal)
_, status = os.waitpid(pid, 0)
signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
print(json.dumps({"signal": signal, "exit": None if signal else os.WEXITSTATUS(status)}))
