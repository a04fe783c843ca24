"""Make the pictures that libcamera's virtual camera plays: the portrait drifting, a red patch in the corner.

python -m tests.boards.frames FOLDER
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.base.assets import ASTRONAUT, fetch
from edge.sources.pictures import read_image

FRAMES = 30


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    portrait = cv2.resize(read_image(fetch(ASTRONAUT)), (600, 600))
    for i in range(FRAMES):
        picture = np.full((720, 1280, 3), 120, np.uint8)
        picture[100:700, 400 + 4 * i : 1000 + 4 * i] = portrait
        picture[:80, :140] = (0, 0, 255)
        cv2.imwrite(str(folder / f"{i:03}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
