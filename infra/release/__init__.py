"""One command that makes a release: ``python -m infra.release`` (``make release``).

``refusals`` says why there can be none yet; ``audit`` asks whether a dependency is known to be
vulnerable; ``tree`` takes the commit out of git, and everything else is built from that alone:
``distributions`` (sdist, wheel, the agent's single file), ``wheelhouse`` (what a machine without
a line needs, per extra), ``sbom``, ``notes``, ``assemble`` (all of it, with SHA256SUMS).

Two runs over one commit give the same bytes. Nothing is uploaded and nothing is signed here:
docs/releasing.md says how the product itself distributes it.
"""
