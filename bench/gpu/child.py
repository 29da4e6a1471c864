"""A child process that is told things and answers them, each as a line of JSON."""

import json
import queue
import subprocess
import threading
import time


class ChildFailed(Exception):
    """The child ended, its time is over, or it said what went wrong."""


class Child:
    """Starts a command. Its answers are read as they come, so that a full pipe never holds it up."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=env,
        )
        self.lines = queue.Queue()
        self.errors = []
        threading.Thread(target=self._read, daemon=True).start()
        self.errors_thread = threading.Thread(target=self._collect_errors, daemon=True)
        self.errors_thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _collect_errors(self):
        for line in self.process.stderr:
            self.errors = [*self.errors[-20:], line.rstrip()]

    def tell(self, message):
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise ChildFailed(f"{error}: {self.last_words()}") from error

    def answer(self, within_s):
        """The next answer."""
        try:
            line = self.lines.get(timeout=max(within_s, 0.001))
        except queue.Empty:
            raise ChildFailed(f"no answer within {within_s:.0f} s") from None
        if line is None:
            self.errors_thread.join(timeout=1)
            raise ChildFailed(f"it ended: {self.last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ChildFailed(answer["error"])
        return answer

    def answers(self, until, within_s):
        """All answers up to the one that has the key `until`, that one last."""
        end_s = time.monotonic() + within_s
        collected = []
        while not collected or until not in collected[-1]:
            collected.append(self.answer(end_s - time.monotonic()))
        return collected

    def last_words(self):
        return self.errors[-1] if self.errors else "it said nothing"

    def end(self):
        """Ends it at once; both children hold nothing that must be saved."""
        self.process.kill()
        self.process.wait()
