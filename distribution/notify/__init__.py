"""NOTIFICATIONS: who hears of what the desk's news tell, by which channel, and when.

``channels`` are the clock's and the client's choice: whom, how, in which language, which news, and
when not. ``reading`` turns each line of ``desk.news`` into deliveries, in one transaction with the
number that it has come to; a storm of lines about one problem becomes one delivery a channel.
``sealing`` takes what is due, holds it over quiet hours, and settles what will be said (``facts``);
``sending`` says it, tries again, and gives up with a ticket.

A delivery is made at least once. It keeps its ``message_id`` through all tries, so that receivers
can drop doubles. Between sending and noting that it was sent lies the only gap: whoever is killed
there has sent it once and sends it once more.

The shapes: ``mail``, ``webhook``, ``chat``, ``sms``, ``tracker``. ``posting`` is the one way out by
HTTP, and ``reach`` says where it may lead. What a client hears (``client_words``) has no line in
common with what we hear (``staff_words``): it cannot tell of anybody else.
"""
