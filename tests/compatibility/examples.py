"""What people write by hand, and the moment at which all documents here were written."""

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)

POLICY = """\
format = 1
hotfix = "next_window"
breakglass = "ask"
approval = "client"
download_bytes_per_second = 65536
irreplaceable_packages = ["kasir-data"]
rotate_key_days = 180

[skip]
app = ["1.5"]

[brake]
by = "dewi"
at = 2026-11-26T12:00:00Z
reason = "stocktaking"

[support]
remote = ["verify", "collect"]

[variables.app]
port = "8080"

[data_folders]
app = ["/srv/orders"]

[[windows]]
name = "nights"
zone = "Asia/Jakarta"
starts = 2026-01-04T02:00:00
rule = "FREQ=DAILY"
duration_seconds = 7200

[[blackouts]]
name = "audit"
starts_at = 2026-12-01T00:00:00Z
ends_at = 2026-12-02T00:00:00Z

[[freezes]]
name = "Lebaran"
zone = "Asia/Jakarta"
starts = 2027-03-08T00:00:00
rule = "FREQ=YEARLY"
duration_seconds = 864000
except_starts = [2028-03-08T00:00:00]
"""
SCHEDULE = """\
format = 1
name = "careful"

[[waves]]
after_seconds = 0
spread_seconds = 600
up_to_basis_points = 500

[[waves]]
after_seconds = 86400
up_to_basis_points = 10000

[gates]
soak_seconds = 3600
success_threshold_percent = 95
error_threshold_percent = 5
minimum_failed_sites = 2

[[gates.waves]]
number = 1
error_threshold_percent = 0

[limits]
at_once_per_client = 1
"""
