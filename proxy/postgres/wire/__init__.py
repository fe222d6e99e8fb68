"""PostgreSQL's protocol without I/O: bytes in, bytes and statements out.

frames        types and lengths of messages
messages      the messages of start-up, authentication, errors
dialogue      what a login dialogue may ask of its shell; startup, options, scram and authentication are the dialogues
session       the whole of one session after the login, as a few verbs
frontend      walks over the client's bytes; requests says what each message means
backend       walks over the server's bytes
replies       the queue of what the server still owes, and what is done with each answer
statements    a statement that waits for its ruling, and a prepared one
conversation  what both directions know

docs/protocol.md explains the machine.
"""
