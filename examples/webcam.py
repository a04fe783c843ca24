"""Show a camera with its faces, until q is pressed: python webcam.py [camera, address or video]"""

import sys

import cv2

import emotion_edge as ee

reader = ee.load()
for result in reader.stream(sys.argv[1] if len(sys.argv) > 1 else "auto"):
    cv2.imshow("emotion-edge", result.plot())
    if cv2.waitKey(1) == ord("q"):
        break
cv2.destroyAllWindows()
