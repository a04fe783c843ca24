"""Read a video into one table, and count the labels of each person: python video_to_dataframe.py clip.mp4"""

import sys

import pandas

import emotion_edge as ee

reader = ee.load()
table = pandas.concat([result.to_df() for result in reader.stream(sys.argv[1])], ignore_index=True)
print(table.groupby("person")["emotion"].value_counts())
table.to_csv("faces.csv", index=False)
