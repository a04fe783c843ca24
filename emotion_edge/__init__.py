"""Facial expressions in pictures, videos and cameras.

    import emotion_edge as ee

    reader = ee.load()
    for face in reader("photo.jpg").faces:
        print(face.emotion, face.confidence)

Errors that the user can fix are `UserError`; their text names the problem and the remedy.
"""

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.machine import package_version
from edge.base.settings import Quality
from edge.faces.results import FaceResult
from emotion_edge.analysis import Report, analyze
from emotion_edge.reader import Reader, Result, load

__all__ = ["EMOTIONS", "FaceResult", "Quality", "Reader", "Report", "Result", "UserError", "analyze", "load"]
__version__ = package_version("emotion-edge")
