"""wkv7 itself, through `wkv7 bench --json`."""
import json
import subprocess

KINDS = ("prefill", "decode")


def bench(binary, model, threads, *options):
    """What one `wkv7 bench` prints."""
    words = [binary, "bench", model, "--threads", threads, "--batch", "", "--repetitions", "1", "--json",
             "--backend", "cpu", *options]
    done = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def ceilings(binary, model, threads):
    """The machine's ceilings for each number of threads, by that number, and what the machine is."""
    listed = ",".join(map(str, threads))
    found = bench(binary, model, listed, "--prefill", "16", "--decode", "16")
    return {entry["threads"]: entry for entry in found["ceilings"]}, found["machine"], found["version"]


def measure(binary, model, threads, prefill, decode):
    """Tokens per second of each kind, and what a token costs in bytes and operations."""
    found = bench(binary, model, threads, "--prefill", prefill, "--decode", decode, "--no-ceiling")
    speeds = {kind: speed(found["results"], kind, threads) for kind in KINDS}
    return {**speeds, **{name: found[name] for name in ("bytes_per_token", "operations_per_token")}}


def speed(results, kind, threads):
    """The one result of a kind, with the threads asked for."""
    (only,) = [entry for entry in results if entry["kind"] == kind and entry["threads"] == threads]
    return only["tokens_per_second"]["median"]
