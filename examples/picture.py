"""Read the faces of a picture, and write it with what was found: python picture.py photo.jpg [annotated.jpg]"""

import sys

import emotion_edge as ee

reader = ee.load()
result = reader(sys.argv[1])
for face in result.faces:
    print(face.caption)
if len(sys.argv) > 2:
    print("written:", result.save(sys.argv[2]))
