"""From camera to alarm: scores and alarms as frames come in. Nothing here needs torch but `torch_scorer`."""
