"""The public interface, with the model that ships."""

import io
import shutil
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest

import emotion_edge as ee
from edge.base.assets import ASTRONAUT, fetch

from ..edge.app.test_cli import own_lines

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("yunet")


@pytest.fixture(scope="module")
def reader(yunet):
    return ee.load()


@pytest.fixture
def photo(portrait):
    """Path of a picture with one happy face."""
    return fetch(ASTRONAUT)


def labels(result):
    return [face.emotion for face in result.faces]


class TestPictures:
    def test_a_path(self, reader, photo):
        result = reader(photo)
        assert labels(result) == labels(reader(str(photo))) == ["happy"]
        assert result.source == photo.name
        assert result.record()["faces"][0]["emotion"] == "happy"

    def test_bytes(self, reader, photo):
        assert labels(reader(photo.read_bytes())) == ["happy"]

    @pytest.mark.parametrize("rgb", [False, True])
    def test_an_array_in_either_order_of_colours_gives_the_same(self, reader, portrait, rgb):
        array = portrait[..., ::-1] if rgb else portrait
        found = reader(array, rgb=rgb)
        assert np.array_equal(found.image, portrait)
        assert found.faces[0].box == reader(portrait).faces[0].box

    @pytest.mark.parametrize(
        "convert",
        [
            pytest.param(lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), id="grey"),
            pytest.param(lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), id="alpha"),
            pytest.param(lambda image: image.astype(np.uint16) << 8, id="16 bit"),
            pytest.param(lambda image: image[:, ::-1][:, ::-1], id="not contiguous"),
        ],
    )
    def test_other_arrays(self, reader, portrait, convert):
        assert labels(reader(convert(portrait))) == ["happy"]

    def test_an_image_of_pil(self, reader, photo):
        image = pytest.importorskip("PIL.Image").open(photo)
        assert labels(reader(image)) == ["happy"]

    def test_an_image_of_pil_that_lies_on_its_side_is_shown_upright(self, reader, photo):
        pil = pytest.importorskip("PIL.Image")
        lying, exif = pil.open(photo).convert("RGB").transpose(pil.Transpose.ROTATE_90), pil.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        file = io.BytesIO()
        lying.save(file, "JPEG", exif=exif)
        assert labels(reader(pil.open(file))) == ["happy"]

    def test_nobody(self, reader):
        result = reader(np.zeros((64, 48, 3), np.uint8))
        assert result.faces == ()
        assert repr(result) == "<array: no face>"

    def test_a_face_that_is_too_small_is_not_read_unless_asked_for(self, portrait):
        needs = ee.Quality(min_face_size=portrait.shape[1])
        (face,) = (result := ee.load(quality=needs)(portrait)).faces
        assert (face.reason, face.confidence, face.probabilities) == ("small", None, None)
        assert repr(result) == "<array: too small>"
        (face,) = ee.load(quality=ee.Quality(min_face_size=0, max_turn=0, min_sharpness=0))(portrait).faces
        assert face.confidence is not None

    def test_one_picture_leaves_nothing_to_the_next(self, reader, photo):
        assert [face.id for _ in range(2) for face in reader(photo).faces] == [1, 1]

    @pytest.mark.parametrize(
        ("picture", "error", "text"),
        [
            pytest.param("missing.jpg", ee.UserError, "missing.jpg: cannot be read", id="no file"),
            pytest.param(b"no picture", ee.UserError, "not an image", id="other bytes"),
            pytest.param(np.zeros((8, 8, 3)), ValueError, "dtype is float64", id="floats"),
            pytest.param(np.zeros((8, 8, 2), np.uint8), ValueError, r"shape is \(8, 8, 2\)", id="two channels"),
            pytest.param(np.zeros((0, 8, 3), np.uint8), ValueError, "shape", id="empty"),
            pytest.param(3.5, TypeError, "not float", id="a number"),
        ],
    )
    def test_what_is_no_picture(self, reader, picture, error, text):
        with pytest.raises(error, match=text):
            reader(picture)

    def test_threads_may_share_it(self, reader, photo):
        found = []
        threads = [threading.Thread(target=lambda: found.append(labels(reader(photo)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [["happy"]] * 4


class TestResults:
    def test_plot_draws_into_a_copy(self, reader, photo):
        result = reader(photo)
        before = result.image.copy()
        drawn = result.plot()
        assert np.array_equal(result.image, before)
        assert not np.array_equal(drawn, before)
        assert np.array_equal(result.plot(rgb=True), drawn[..., ::-1])

    def test_save(self, reader, photo, tmp_path):
        path = reader(photo).save(tmp_path / "new" / "annotated.png")
        assert np.array_equal(cv2.imread(str(path)), reader(photo).plot())

    @pytest.mark.parametrize("name", ["annotated", "annotated.xyz"])
    def test_save_in_an_unknown_format(self, reader, photo, tmp_path, name):
        with pytest.raises(ee.UserError, match="not a picture format"):
            reader(photo).save(tmp_path / name)
        assert not list(tmp_path.iterdir())

    def test_in_a_notebook(self, reader, photo):
        shown = reader(photo)._repr_html_()
        assert shown.startswith('<img src="data:image/jpeg;base64,/9j/')
        assert "happy" in shown

    def test_as_a_data_frame(self, reader, photo):
        pytest.importorskip("pandas")
        table = reader(photo).to_df()
        assert list(table["emotion"]) == ["happy"]
        assert table["p_happy"][0] == pytest.approx(reader(photo).faces[0].probabilities[3], abs=1e-4)

    def test_as_a_data_frame_without_pandas(self, reader, photo, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ee.UserError, match="pandas is not installed"):
            reader(photo).to_df()


class TestStreams:
    def test_a_video_is_answered_frame_by_frame(self, reader, demo_clip):
        found = [result for _, result in zip(range(50), reader.stream(demo_clip), strict=False)]
        assert len({result.time for result in found}) == 50
        assert {face.id for result in found for face in result.faces} == {1}

    def test_the_source_is_closed_when_the_loop_ends_early(self, reader, demo_clip, no_threads_left):
        stream = reader.stream(demo_clip)
        assert next(stream).source == demo_clip.name
        stream.close()

    def test_what_is_not_there(self, reader, tmp_path):
        with pytest.raises(ee.UserError, match="no such file"):
            next(reader.stream(tmp_path / "missing.mp4"))


class TestModels:
    def test_by_name(self, photo):
        assert labels(ee.load("nano")(photo)) == ["happy"]

    def test_by_folder(self, photo):
        assert labels(ee.load(ROOT / "models" / "default")(photo)) == ["happy"]

    def test_unknown(self):
        with pytest.raises(ee.UserError, match="big: no model bundle here"):
            ee.load("big")


def test_analyze(demo_clip, tmp_path):
    pytest.importorskip("pyarrow")
    (report,) = ee.analyze(demo_clip, tmp_path, thumbnails=False)
    assert report.summary["frames"]["answered"] == 472
    assert report.csv.read_text().startswith('"frame","time_s"')
    assert all(path.is_file() for path in (report.page, report.csv, report.parquet))


def test_analyze_some_frames_of_videos_in_folders(demo_clip, tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "videos/inner").mkdir(parents=True)
    shutil.copy(demo_clip, tmp_path / "videos/inner/a.mp4")
    videos, wanted = tmp_path / "videos", {"start": "0:02", "end": 6, "every": 20, "elan": True, "subtitles": True}
    (report,) = ee.analyze(videos, tmp_path / "out", recursive=True, with_video=True, **wanted)
    assert 3 <= report.summary["frames"]["answered"] <= 8
    assert "<video" in report.page.read_text()
    assert report.elan == tmp_path / "out/inner/a.eaf"
    assert report.elan.is_file()
    assert report.subtitles.is_file()
    assert report.annotated is None


@pytest.mark.parametrize(("given", "told"), [({"every": 0}, "every: 0 is not"), ({"start": "x"}, "start: ")])
def test_analyze_refuses_values_as_the_command_does(demo_clip, tmp_path, given, told):
    pytest.importorskip("pyarrow")
    with pytest.raises(ee.UserError, match=told):
        ee.analyze(demo_clip, tmp_path, **given)


def test_the_version():
    assert ee.__version__ == version("emotion-edge")


def test_it_is_typed():
    assert (Path(ee.__file__).parent / "py.typed").is_file()


def test_it_says_nothing_by_itself(photo):
    code = f"import emotion_edge as ee; ee.load()({str(photo)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, own_lines(done.stderr)) == (0, "", "")


def test_analyze_writes_over_no_video_that_it_is_to_read(demo_clip, tmp_path):
    pytest.importorskip("pyarrow")
    report = ee.analyze(demo_clip, tmp_path, thumbnails=False, annotate=True)[0].page
    annotated = report.with_name(f"{report.stem}.annotated.mp4")
    before = annotated.read_bytes()
    with pytest.raises(ee.UserError, match="would be both read and written"):
        ee.analyze([demo_clip, annotated], tmp_path)
    assert annotated.read_bytes() == before
