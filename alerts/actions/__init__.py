"""Ways to tell somebody: one file for each kind of channel.

Each gives a function that sends one message and returns when it has arrived, or raises DeliveryFailed.
"""
