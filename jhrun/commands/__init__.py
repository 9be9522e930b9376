"""The commands: config in, objects built, work called, files written. One module each."""
