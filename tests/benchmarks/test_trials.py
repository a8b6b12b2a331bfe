"""The benchmark of trials runs, and says what it measured and how far off it is."""

import re

from benchmarks import trials


def test_it_prints_times_and_errors(capsys):
    trials.main(["--count", "300", "--rounds", "1"])
    printed = capsys.readouterr().out
    power, error, closed = map(
        float, re.search(r"power at a week (\S+) \(±(\S+)\), by the closed form (\S+)", printed).groups()
    )
    assert abs(power - closed) < 4 * error + 0.02
    assert "300 trials of 30 + 30, 12 visits" in printed and "trials a second" in printed
