"""From camera to alarm: scores and alarms as frames come in.

Watching needs no torch, unless a run's own checkpoint does it (`torch_scorer`); leaving a run ready to be watched
(`handover`) and exporting it (`export`) do.
"""
