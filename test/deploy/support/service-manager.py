"""As much of systemd as a service sees: it listens for the service, hands the socket over, and hears what it is told.

    service-manager.py NOTIFY_SOCKET COMMAND...

On stdout, a JSON object a line: {"port"}, {"started": PID}, {"from": PID, "text"} for each message, {"ended": EXIT CODE}.
"again" on stdin starts the command once more. It ends with the end of stdin.
"""
import array
import json
import os
import selectors
import signal
import socket
import struct
import sys

notify_path, command = sys.argv[1], sys.argv[2:]

notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
notify.bind(notify_path)
listening = socket.create_server(("127.0.0.1", 0))


def say(**what):
    print(json.dumps(what), flush=True)


def start():
    pid = os.fork()
    if pid == 0:
        os.dup2(listening.fileno(), 3, inheritable=True)
        env = dict(os.environ, NOTIFY_SOCKET=notify_path, LISTEN_FDS="1", LISTEN_FDNAMES="main", LISTEN_PID=str(os.getpid()))
        os.execvpe(command[0], command, env)
    say(started=pid)


def hear():
    text, ancillary, _, _ = notify.recvmsg(65_536, 4_096)
    sender = None
    for level, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            # BARRIER=1: the sender waits until this is closed.
            for fd in array.array("i", data):
                os.close(fd)
        elif kind == socket.SCM_CREDENTIALS:
            sender = struct.unpack("iii", data)[0]
    say(**{"from": sender, "text": text.decode()})


woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes)
signal.signal(signal.SIGCHLD, lambda *_: None)
selector = selectors.DefaultSelector()
for readable in (notify, woken, sys.stdin):
    selector.register(readable, selectors.EVENT_READ)

say(port=listening.getsockname()[1])
start()
while True:
    for key, _ in selector.select():
        if key.fileobj is notify:
            hear()
        elif key.fileobj is sys.stdin:
            if sys.stdin.readline() == "":
                sys.exit()
            start()
        else:
            os.read(woken, 64)
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid != 0:
                say(ended=os.waitstatus_to_exitcode(status))
