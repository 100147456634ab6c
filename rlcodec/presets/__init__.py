"""The codecs: the protocol that every preset implements, the registry of presets, and one folder for each preset."""
