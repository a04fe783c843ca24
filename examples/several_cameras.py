"""Watch several cameras with one model: python several_cameras.py 0 rtsp://10.0.0.7/live …"""

import sys

import emotion_edge as ee

for result in ee.load().stream(sys.argv[1:]):
    for face in result.faces:
        print(f"{result.source}: person {face.id} {face.emotion or face.reason}", flush=True)
