"""How all of it is run: the demo, set-up, and later IaC, containers and systemd units."""
