"""WHAT ONE L3 ENGINEER MAY DO ALONE AT NIGHT, and who looks at it afterwards.

``break_glass`` reads those releases off the repository, ``reviewed_publish`` publishes one, not
before the person's last one was looked at, and ``reviews`` keeps who looked at which
(``review_tickets`` brings those that wait before people).
"""
