"""Crop the faces of photographs, to train a model on classes of your own: python own_classes.py photos faces

One folder is one class, such as photos/smiling and photos/not smiling; the faces go into folders of the same names.
"""

import sys
from pathlib import Path

import cv2

import emotion_edge as ee

photos, faces = Path(sys.argv[1]), Path(sys.argv[2])
reader = ee.load()
for photo in sorted(photos.glob("*/*")):
    result = reader(photo)
    folder = faces / photo.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    for number, face in enumerate(result.faces):
        x, y, width, height = (max(0, round(value)) for value in face.box)
        cv2.imwrite(str(folder / f"{photo.stem}-{number}.png"), result.image[y : y + height, x : x + width])

name = faces.name
print(f"make data SOURCE={faces} DATA=data/{name}")
print(f"make train CONFIG=quick DATA=data/{name} RUN=runs/{name}")
print(f"make evaluate DATA=data/{name} RUN=runs/{name}")
print(f"make export DATA=data/{name} RUN=runs/{name} MODEL=models/{name}")
print(f"make run MODEL=models/{name}")
