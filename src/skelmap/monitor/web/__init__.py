"""Web page and JSON API: the live state of a monitor, and the alarms in output folders."""
