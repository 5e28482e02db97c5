"""WHAT HAPPENS WITHOUT ANYBODY ASKING.

``scheduler`` has the steps, ``loop`` does them again and again in whichever process holds the
``lease``. ``aging`` looks after signed metadata; ``repair`` after what a restored backup forgot.
"""
