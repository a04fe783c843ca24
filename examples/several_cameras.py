"""Watch several cameras at a time, each in a thread: python several_cameras.py 0 rtsp://10.0.0.7/live …"""

import sys
from concurrent.futures import ThreadPoolExecutor

import emotion_edge as ee

reader = ee.load()


def watch(source: str) -> None:
    for result in reader.stream(source):
        for face in result.faces:
            print(f"{result.source}: person {face.id} {face.emotion or face.reason}", flush=True)


with ThreadPoolExecutor(len(sys.argv)) as threads:
    for done in [threads.submit(watch, source) for source in sys.argv[1:]]:
        done.result()
