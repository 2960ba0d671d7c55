"""Attainable accuracy: what a structure, trained in a stated way, can reach, and how much is luck.

Which parameters begin at random and how they are drawn; searches over initial weights within the
user's limits of time, trials and gain; what may be said of their outcome on data that they never
saw. Guarantee: `statistical`.

Source: Pan, Nguyen and Ahmed, "Towards Building Accountable Deep Neural Model by Interpreting
Classification Accuracy" (ADNN).
"""
