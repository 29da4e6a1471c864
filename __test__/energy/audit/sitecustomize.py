"""Python imports this first where PYTHONPATH has its folder: every connection and every file written goes to a log."""

import os
import sys

LOG = os.open(os.environ["LLEM_TEST_AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def audit(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        os.write(LOG, f"{event} {args!r}\n".encode())
    if event == "open":
        path, _, flags = args
        writes = not isinstance(path, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes and "__pycache__" not in str(path) and path != os.devnull:
            os.write(LOG, f"open {path!r}\n".encode())


sys.addaudithook(audit)
