"""What competes: functions from files to files, each run in a process of its own."""
