"""The table of features: features.py RESULTS [--partly]

Reads tests/features.toml and the logs of the test runs. Fails when a claimed row has no test, when one of its tests does
not exist, did not run or did not pass, and when an ignored test belongs to no level (it would never run). With --partly
only what has run is judged.
"""
import re
import sys
import tomllib
from pathlib import Path

RESULTS = Path(sys.argv[1])
PARTLY = "--partly" in sys.argv[2:]
TABLE = Path(__file__).parent / "features.toml"
# `test path::name ... ok`, and `test path::name - should panic ... ok`
RAN = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (\w+)")
# What `./test` runs of those that `cargo test` ignores.
LEVELS = ("hosts::", "github::", "faults::", "transport::", "verb::init::", "hands_on_a_real_host")
# Programs that tests start, in the shape of tests.
PLAYED = {"transport::far_end::far_end", "action::face::tests::a_process_to_be_signalled"}


def listed(name):
    lines = (RESULTS / name).read_text(encoding="utf-8").splitlines() if (RESULTS / name).exists() else []
    return {line.removesuffix(": test") for line in lines if line.endswith(": test")}


def outcomes():
    """What came of each test. One that failed anywhere has failed; one that is only ignored did not run."""
    found = {}
    for log in sorted(RESULTS.glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if match := RAN.match(line):
                name, outcome = match.groups()
                if outcome != "ignored" and found.get(name) != "FAILED":
                    found[name] = outcome
    return found


def main():
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["row"]
    every, ignored, came = listed("all.list"), listed("ignored.list"), outcomes()
    problems = []
    if not every:
        problems.append("no test could be listed: do they compile?")
    for name in sorted(ignored):
        if not name.startswith(LEVELS) and name not in PLAYED:
            problems.append(f"{name} is ignored and belongs to no level: it never runs")
    seen = set()
    for row in rows:
        name, tests = row["id"], row.get("tests", [])
        if name in seen:
            problems.append(f"{name} stands twice in the table")
        seen.add(name)
        unknown = [test for test in tests if test not in every]
        absent = [test for test in tests if test in every and test not in came]
        failed = [test for test in tests if came.get(test, "ok") != "ok"]
        if not row["claimed"]:
            state = "-"
        elif not tests or unknown or failed:
            state = "FAILED"
        elif absent:
            state = "not run"
        else:
            state = "ok"
        print(f"{name:>5}  {state:<8} {len(tests):>2} tests  {row['what']}")
        if row["claimed"]:
            problems += [f"{name} is claimed and has no test"] * (not tests)
            problems += [f"{name}: {test} does not exist" for test in unknown]
            problems += [f"{name}: {test} did not pass" for test in failed]
            problems += [f"{name}: {test} did not run" for test in absent if not PARTLY]
    claimed = sum(row["claimed"] for row in rows)
    print(f"{claimed} of {len(rows)} rows claimed, {len(every)} tests, {len(came)} of them ran")
    for problem in problems:
        print(f"features: {problem}")
    return 1 if problems else 0


sys.exit(main())
