# SPDX-License-Identifier: Apache-2.0
"""The pinned AWS CLI, many times: run(arguments, environment) is what a call of build/venv/bin/aws is.

Two thirds of such a call are spent importing. So one process imports the CLI and nothing else, and
forks for each call: the child has the arguments, folder, standard input, output and exit status of
a process of its own, runs the CLI's own main() once, and ends. This file is both sides; the
scenarios of the quickstart start the program itself."""
import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback

PYTHON = os.path.join(os.path.dirname(__file__), "..", "..", "..", "build/venv/bin/python3")
CRASHED = 255


class Server:
    """The process that forks; started by the first call, ended with this one. It was started with the
    environment of the calls, to the letter (the CLI looks for its cache while it is imported): a call
    with another one has another server."""

    def __init__(self):
        self.lock, self.process, self.environment = threading.Lock(), None, None
        atexit.register(self.stop)

    def start(self, environment):
        self.environment = dict(environment)
        self.process = subprocess.Popen([PYTHON, "-P", "-s", os.path.abspath(__file__)],
                                        env=self.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)

    def stop(self):
        process, self.process = self.process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def ask(self, request, environment, timeout):
        """The exit status of one call."""
        with self.lock:
            if environment != self.environment:
                self.stop()
            if self.process is None:
                self.start(environment)
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            told, _, _ = select.select([self.process.stdout], [], [], timeout)
            line = self.process.stdout.readline() if told else ""
            if not line:
                self.stop()
                raise subprocess.TimeoutExpired(["aws", *request["arguments"]], timeout)
            return json.loads(line)


SERVER = Server()


def run(arguments, environment, timeout):
    """A CompletedProcess, with output and errors as text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        ours = f"/proc/{os.getpid()}/fd/"
        status = SERVER.ask({"arguments": list(arguments), "folder": os.getcwd(),
                             "out": ours + str(out.fileno()), "errors": ours + str(errors.fileno())},
                            environment, timeout)
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(["aws", *arguments], status, out.read().decode(),
                                           errors.read().decode())


# --- in the process that forks ---

def call(request):
    """In the child: a fresh process, as far as the CLI can tell."""
    os.chdir(request["folder"])
    for number, path, flags in ((0, "/dev/null", os.O_RDONLY), (1, request["out"], os.O_WRONLY),
                                (2, request["errors"], os.O_WRONLY)):
        descriptor = os.open(path, flags)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["aws", *request["arguments"]]
    return awscli.clidriver.main()


def child(request):
    """Ends the child as the interpreter would have; never comes back."""
    status = CRASHED
    try:
        status = call(request)
    except SystemExit as end:
        status = end.code
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))


def serve():
    requests, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    for line in requests:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    import awscli.clidriver
    import awscli.handlers  # noqa: F401 what the CLI loads as its plugins
    serve()
