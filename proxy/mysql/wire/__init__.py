"""The MySQL protocol as machines without I/O: packets, login dialogues, and the session between client and server.

packets       lengths, sequence numbers, and the integers and strings that payloads are made of
capabilities  what client and server agree on, and which of it passes through a proxy
messages      the packets of the login: greeting, response, changes of the authentication method
results       the packets that end an answer: OK, ERR, EOF, with what they tell of the session
dialogue      what a login dialogue may ask of its shell
scrambles     the arithmetic of the authentication methods
greeting      the first part of a login: server greets, client answers, TLS
authentication, relaying  the second part: own and service; relay
session       the whole of one session after the login, as a few verbs
frontend      walks over the client's packets; commands, requests and executions say what each means by the steps of handling,
              parameters what stands in them
backend       walks over the server's packets; columns and errors look into the few that matter
replies       the answer that the server owes, and what is done with it
statements    a statement that waits for its ruling, and a prepared one
tracking      what the session is in, as the server reports it
conversation  what both directions know
"""
