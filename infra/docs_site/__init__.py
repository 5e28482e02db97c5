"""The documentation as a site: ``make docs`` builds ``build/site``, which needs no network at all.

The pages are those of ``docs/`` as they lie there, with ARCHITECTURE.md and CHANGELOG.md. What can
be generated is: the help of every command (``commands``), the API with its examples (``api``).
``pages`` says what stands where in the navigation, ``links`` leads from page to page, ``diagrams``
draws Mermaid's blocks, ``build`` puts it all into one folder and lets zensical make the site, with
every warning an error.
"""
