"""The command line: one file a command. Nothing here loads a media library before a command needs it."""
