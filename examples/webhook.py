"""Call an address when somebody begins to smile: python webhook.py http://127.0.0.1:8000/smile [camera or video]

On a Raspberry Pi, `gpiozero.LED(17).on()` in place of the request switches a lamp on.
"""

import sys
import urllib.request

import emotion_edge as ee

hook, source = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "auto"
smiling = False
for result in ee.load().stream(source):
    now = any(face.emotion == "happy" and face.confidence > 0.7 for face in result.faces)
    if now and not smiling:
        urllib.request.urlopen(urllib.request.Request(hook, method="POST"), timeout=5).close()
    smiling = now
