"""The keys: who may say what, and the ceremonies that say it.

Entry points: ``hsp-sign`` (``cli``) on an officer's offline machine; ``propose`` and ``ceremony``
for the server. ``roles`` is the table of who may sign what; ``signers`` alone knows where keys
live: ``key_files``, ``pkcs11_keys``, ``kms_keys``;
``update_repository`` reads TUF metadata and builds its next versions; ``proposal`` is the folder
that travels on a USB stick, ``text_block`` the same as text, ``carrying`` takes it both ways;
``kinds`` is what can be proposed and says it in words, ``propose`` makes one, ``contents``
compares its files with what is signed, ``build_policy`` is what releases must carry and
``evidence`` what they do, ``ceremony`` signs and finishes it;
``store`` is where a repository is kept.

May import: manifests, click, cryptography, pydantic, securesystemslib, tuf.api, zstandard;
pkcs11 and botocore only in ``pkcs11_*`` and ``kms_keys``, when such a key is named. Never
the server's or the agent's code: an officer's machine installs neither.
"""
