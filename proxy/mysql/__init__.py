"""The MySQL protocol as machines without I/O: packets, login dialogues, and the session between client and server."""
