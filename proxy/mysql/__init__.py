"""The MySQL protocol as machines without I/O: packets, login dialogues, and the session between client and server.

packets       lengths, sequence numbers, and the integers and strings that payloads are made of
capabilities  what client and server agree on, and which of it passes through a proxy
messages      the packets of the login: greeting, response, changes of the authentication method
results       the packets that end an answer: OK, ERR, EOF, with what they tell of the session
dialogue      what a login dialogue may ask of its shell
scrambles     the arithmetic of the authentication methods
greeting      the first part of a login: server greets, client answers, TLS
authentication  the second part: relay, own, service
"""
