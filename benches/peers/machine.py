"""What is known of the machine and the checkout beside a measurement."""
import os
import pathlib
import platform
import resource
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent

# More cores than these kept busy by others, and a run is marked: two threads that wait for each other on two cores
# may lose nine tenths of their speed to a third program, and not every engine waits alike.
BUSY = 0.15


class Others:
    """How many cores other programs keep busy while this one measures; the hypervisor's share is included.

    All that is busy, less what our ended children used. `cores` is None where there is no /proc/stat.
    """

    def __enter__(self):
        self.cores = None
        self.begin = time.perf_counter(), busy_seconds(), child_seconds()
        return self

    def __exit__(self, *error):
        begin, busy, children = self.begin
        if busy is not None:
            others = (busy_seconds() - busy) - (child_seconds() - children)
            self.cores = max(0.0, others / (time.perf_counter() - begin))


def busy_seconds():
    """Core seconds spent by all programs since the machine started."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except OSError:
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def child_seconds():
    """Core seconds spent by our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def commit():
    """The commit of the checkout, with a mark where files differ from it."""
    words = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def cpu():
    """The processor's name, or its architecture where the system does not tell."""
    try:
        facts = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        facts = ""
    names = [line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
