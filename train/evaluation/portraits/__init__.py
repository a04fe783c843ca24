"""Evaluation on portraits of people at rest and smiling, by the groups that they gave themselves."""
