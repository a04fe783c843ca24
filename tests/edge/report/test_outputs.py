"""Files of an archive: one data set, an index, and what other programs read."""

import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from pyarrow import dataset

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.settings import Options, Wanted
from edge.report.charts import _stretches, timeline
from edge.report.digest import Person
from edge.report.episodes import Labelled, elan, subtitles
from edge.report.index_page import write_index
from edge.report.inputs import Place
from edge.report.job import Job, find_jobs
from edge.report.model_card import rendered
from edge.report.player import Player, relative_address
from edge.report.task import Task
from edge.report.work import run_task

from ..clips import write_video

pytestmark = pytest.mark.usefixtures("yunet")

EPISODES = [Labelled(1, "happy", 0.5, 2.0), Labelled(2, "sad", 1.0, 1.25), Labelled(1, "neutral", 2.0, 3601.5)]


@pytest.fixture(scope="module")
def faces(portrait, tmp_path_factory):
    """A second of a face."""
    return write_video(tmp_path_factory.mktemp("clip") / "face.mp4", [portrait[:300, :400, ::-1]] * 25)


@pytest.fixture(scope="module")
def archive(faces, bundle, tmp_path_factory):
    """Reports of two videos with a face and of one that is broken, in folders with names that are hard to write."""
    folder = tmp_path_factory.mktemp("archive")
    for name in ("a", "2025/50% = ü", "2025/broken"):
        video = folder / f"{name}.mp4"
        video.parent.mkdir(exist_ok=True)
        shutil.copy(faces, video)
        if name.endswith("broken"):
            video.write_bytes(b"no video")
        wanted = Wanted(with_video=True, elan=True, subtitles=True)
        run_task(Task(Job(video, Place(folder / "out", name), Options(model=bundle), wanted)), lambda share: None)
    write_index(folder / "out")
    return folder / "out"


class TestDataSet:
    def test_pyarrow_reads_it_whole(self, archive):
        table = dataset.dataset(archive / "faces", partitioning="hive").to_table()
        assert set(table["video"].to_pylist()) == {"a", "2025/50% = ü"}
        assert table.num_rows > 40

    def test_pandas_reads_it_whole(self, archive):
        pandas = pytest.importorskip("pandas")
        table = pandas.read_parquet(archive / "faces")
        assert set(table["video"]) == {"a", "2025/50% = ü"}
        assert {"time_s", "person", "p_happy"} <= set(table.columns)

    def test_duckdb_reads_it_whole(self, archive):
        duckdb = pytest.importorskip("duckdb")
        found = duckdb.sql(f"SELECT video, count(*) FROM '{archive}/faces/*/*.parquet' GROUP BY video").fetchall()
        assert {name for name, _ in found} == {"a", "2025/50% = ü"}

    def test_dask_reads_it_whole(self, archive):
        frames = pytest.importorskip("dask.dataframe")
        table = frames.read_parquet(archive / "faces").compute()
        assert set(table["video"]) == {"a", "2025/50% = ü"}

    def test_names_that_are_too_long_stay_apart(self, tmp_path):
        names = [f"{'ü' * 60}/{'ü' * 60}/{end}" for end in "ab"]
        partitions = {Place(tmp_path, name).path(".parquet").parent.name for name in names}
        assert len(partitions) == 2
        assert all(len(name.encode()) <= 250 for name in partitions)


class TestIndex:
    def test_it_has_a_row_for_each_video(self, archive):
        text = (archive / "index.html").read_text()
        assert text.count("<tr>") == 4
        assert 'href="2025/50%25%20%3D%20%C3%BC.html"' in text
        assert "not a video that can be decoded" in text
        assert "3 videos, 0:02 of them analyzed; 1 with an error." in text
        assert not list(archive.rglob(".*"))

    def test_a_click_on_a_heading_sorts(self, archive, chromium):
        tab = chromium.new_page()
        tab.goto((archive / "index.html").as_uri())
        names = lambda: tab.locator("tbody tr td:first-child").all_inner_texts()  # noqa: E731
        assert names() == ["2025/50% = ü", "2025/broken", "a"]
        tab.get_by_role("button", name="error").click()
        assert names()[0] == "2025/broken"
        tab.get_by_role("button", name="video").click()
        assert names() == ["a", "2025/broken", "2025/50% = ü"]
        tab.get_by_role("button", name="video").click()
        assert names() == ["2025/50% = ü", "2025/broken", "a"]
        tab.close()


class TestPlayer:
    def test_a_click_on_an_episode_seeks(self, archive, chromium):
        tab = chromium.new_page()
        tab.goto((archive / "2025/50% = ü.html").as_uri())
        source = tab.locator("video").get_attribute("src")
        assert source == "../../2025/50%25%20%3D%20%C3%BC.mp4"
        tab.evaluate("document.querySelector('video').play = () => Promise.resolve()")
        tab.wait_for_function("document.querySelector('video').readyState > 0")
        link = tab.locator("table [data-seek]").last
        link.click()
        assert tab.evaluate("document.querySelector('video').currentTime") == pytest.approx(
            float(link.get_attribute("data-seek")), abs=0.01
        )
        tab.close()

    def test_without_one_a_time_is_text(self):
        assert Player(None).time(61.5) == "1:01.50"
        assert Player(None).html == Player(None).script == ""

    def test_addresses_are_relative(self, tmp_path):
        assert relative_address(tmp_path / "a b.mp4", tmp_path / "out" / "2025" / "a.html") == "../../a%20b.mp4"

    def test_a_blurred_report_shows_no_faces_by_the_way(self, faces, bundle, tmp_path):
        with pytest.raises(UserError, match="--with-video shows the faces that --blur hides"):
            find_jobs([faces], tmp_path, Options(model=bundle), Wanted(with_video=True, blur=True))
        wanted = Wanted(with_video=True, blur=True, annotated=True)
        outcome = run_task(Task(Job(faces, Place(tmp_path, "a"), Options(model=bundle), wanted)), lambda share: None)
        assert not outcome.failed
        assert 'src="a.annotated.mp4"' in (tmp_path / "a.html").read_text()


class TestExports:
    def test_elan_has_a_tier_for_each_person(self, tmp_path):
        document = ElementTree.fromstring(elan(EPISODES, tmp_path / "clip.mp4", "../clip.mp4"))
        media = document.find("HEADER/MEDIA_DESCRIPTOR")
        assert media.get("RELATIVE_MEDIA_URL") == "../clip.mp4"
        assert media.get("MIME_TYPE") == "video/mp4"
        times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in document.find("TIME_ORDER")}
        found = [
            (tier.get("TIER_ID"), times[one.get("TIME_SLOT_REF1")], times[one.get("TIME_SLOT_REF2")], one[0].text)
            for tier in document.findall("TIER")
            for one in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        assert found == [
            ("person 1", 500, 2000, "happy"),
            ("person 1", 2000, 3601500, "neutral"),
            ("person 2", 1000, 1250, "sad"),
        ]
        types = {kind.get("LINGUISTIC_TYPE_ID") for kind in document.findall("LINGUISTIC_TYPE")}
        assert {tier.get("LINGUISTIC_TYPE_REF") for tier in document.findall("TIER")} == types

    def test_subtitles_show_all_persons_of_a_moment(self):
        assert subtitles(EPISODES).split("\n\n") == [
            "1\n00:00:00,500 --> 00:00:01,000\nperson 1: happy",
            "2\n00:00:01,000 --> 00:00:01,250\nperson 1: happy\nperson 2: sad",
            "3\n00:00:01,250 --> 00:00:02,000\nperson 1: happy",
            "4\n00:00:02,000 --> 01:00:01,500\nperson 1: neutral\n",
        ]
        assert subtitles([]) == ""
        assert subtitles(EPISODES[:1]) == "1\n00:00:00,500 --> 00:00:02,000\nhappy\n"

    def test_they_are_written_beside_the_report(self, archive):
        assert (archive / "a.srt").read_text().startswith("1\n00:00:00,000 -->")
        assert (
            ElementTree.parse(archive / "a.eaf").getroot().find("HEADER/MEDIA_DESCRIPTOR").get("RELATIVE_MEDIA_URL")
            == "../a.mp4"
        )


class TestCharts:
    WIDTH = 1.0

    def stretches(self, *parts):
        return [tuple(round(value, 3) for value in one) for one in _stretches(np.array(parts, float), self.WIDTH)]

    def test_a_label_that_changes_within_a_part_has_one_edge(self):
        assert self.stretches((1, 0), (0.25, 0.75), (0, 1)) == [(0, 0, 1.25), (1, 1.25, 3)]
        assert self.stretches((0, 1), (0.25, 0.75), (1, 0)) == [(1, 0, 1.75), (0, 1.75, 3)]

    def test_one_who_comes_and_leaves_within_a_part_is_there_at_its_end_and_beginning(self):
        assert self.stretches((0, 0), (0.25, 0), (1, 0), (0.5, 0), (0, 0)) == [(0, 1.75, 3.5)]

    def test_nobody_is_nothing(self):
        assert self.stretches((0, 0), (0, 0)) == []

    def test_the_parts_have_their_numbers_for_a_pointer(self):
        person = Person(1, 0.0, 2.0, EMOTIONS)
        person.bins[:20, [3, 9 + 3]] = 0.1
        text = timeline(person, 0.1, 4.0)
        titles = re.findall("<title>(.*?)</title></rect>", text)
        assert len(titles) == 20
        assert titles[0] == "0:00.00–0:00.10: happy 100% of the time; happy 1.00, angry 0.00, disgust 0.00"


class TestModelCard:
    def test_it_is_html_below_the_headings_of_the_page(self):
        html = rendered("# name\n\n- **a**, `b`\n\n| x | y |\n|---|---|\n| 1 | <b> |\n")
        assert "<h3>name</h3>" in html
        assert "<strong>a</strong>, <code>b</code>" in html
        assert html.count("<td>") == 2
        assert "&lt;b&gt;" in html

    def test_nothing_in_it_is_loaded_or_run(self):
        html = rendered(
            "![a figure](x.png) [here](notes.md) [web](https://a.b/) [bad](javascript:x) <script>1</script>"
        )
        assert "<em>Figure: a figure.</em>" in html
        assert re.findall('href="(.*?)"', html) == ["https://a.b/"]
        assert "<img" not in html
        assert "<script" not in html


def test_a_person_of_a_moment_has_no_figure(bundle, tmp_path, portrait):
    blank = np.full((300, 400, 3), 90, np.uint8)
    face = portrait[:300, :400, ::-1]
    video = write_video(tmp_path / "a.mp4", [*[face] * 5, *[blank] * 35, *[face] * 25])
    run_task(Task(Job(video, Place(tmp_path, "a"), Options(model=bundle), Wanted())), lambda share: None)
    text = (tmp_path / "a.html").read_text()
    assert "timeline-2" in text
    assert "timeline-1-title" not in text
    assert "One person who was seen for less than 0.5 s has no figure." in text
    assert "frames without faces" in text
    sentence = re.search("<p>(In .*?)</p>", text)[1]
    assert sentence.startswith("In 0:02.60 of video 2 persons were seen, for ")
    assert re.search(r"\d+ of 65 frames had no face\.$", sentence)


def test_the_package_starts_without_the_extra():
    code = "import sys; sys.modules['markdown_it'] = None; import edge.app.commands"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
