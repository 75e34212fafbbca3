"""Live monitoring: pose frames from a camera or a recording in; scores, alarms, files and a web page out.

Sources yield pose frames, the detector scores them, sinks store the results. Scoring with an exported model needs no
PyTorch; scoring with a training run and exporting one do.
"""
