"""The table of the detector's times, on two small pictures."""

import cv2

from benchmarks.measure import detector


def test_one_row_a_size(yunet, portrait, monkeypatch, capsys):
    before = cv2.getNumThreads()
    monkeypatch.setattr(detector, "SIZES", ((32, 32), (64, 32)))
    monkeypatch.setattr(detector, "ROUNDS", 1)
    monkeypatch.setattr(detector.sys, "argv", ["detector"])
    try:
        assert detector.main() == 0
    finally:
        cv2.setNumThreads(before)
    head, *_, first, second = capsys.readouterr().out.splitlines()
    assert head.startswith("| picture | OpenCV")
    assert first.startswith("| 32×32 | ")
    assert second.startswith("| 64×32 | ")
    _, _, old, new, ratio, _ = second.split("|")
    assert float(old) > 0 < float(new)
    assert float(ratio) > 0
