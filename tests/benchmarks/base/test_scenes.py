"""Pictures in memory."""

import numpy as np
import pytest

from benchmarks.base.scenes import DIFFERENT, SCENE_FRAMES, Scenes
from benchmarks.measure.scaling import HEIGHT_BY_WIDTH


@pytest.mark.usefixtures("yunet")
@pytest.mark.parametrize("size", HEIGHT_BY_WIDTH.items())
@pytest.mark.parametrize("faces", [1, 8])
def test_faces_stand_in_pictures_of_every_size(size, faces):
    scenes = Scenes(faces, size[0])
    frames = list(iter(scenes.read, None))
    assert len(frames) == SCENE_FRAMES
    assert {(frame.width, frame.height) for frame in frames} == {size}
    covered = [(frame.image != 90).any(axis=2).mean() for frame in frames[:DIFFERENT]]
    assert np.allclose(covered, faces * 300**2 / (1280 * 720), rtol=0.08)
    assert (frames[0].image != frames[DIFFERENT // 2].image).any()
