#!/bin/sh
# Debian's Chromium in a folder of its own, for the browser tests: needs no root and changes no system.
# Where the machine has /usr/bin/chromium already, nothing is fetched.
set -eu
into=${1:?usage: chromium.sh FOLDER}
[ -x "$into/run" ] && exit 0
mkdir -p "$into"
into=$(cd "$into" && pwd)
if [ -x /usr/bin/chromium ]; then
  printf '#!/bin/sh\nexec /usr/bin/chromium "$@"\n' >"$into/run"
  chmod +x "$into/run"
  exit 0
fi
echo "fetching Debian's Chromium into $into (once)" >&2
work=$into/apt
mkdir -p "$work/lists/partial" "$work/archives/partial" "$into/root"
apt() {
  apt-get -q -o Dir::State="$work" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" \
    -o Dir::Cache::archives="$work/archives" -o Dir::State::status=/var/lib/dpkg/status \
    -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@"
}
apt update >"$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
apt install -y --no-install-recommends --download-only chromium fonts-dejavu-core >>"$work/log" 2>&1 ||
  { tail "$work/log" >&2; exit 1; }
for deb in "$work"/archives/*.deb; do dpkg-deb -x "$deb" "$into/root"; done
rm -rf "$work"
triplet=$(gcc -print-multiarch 2>/dev/null || uname -m | sed 's/$/-linux-gnu/')
cat >"$into/run.new" <<RUN
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/root
libraries=\$root/usr/lib/$triplet
export LD_LIBRARY_PATH="\$libraries:\$libraries/pulseaudio:\$root/lib/$triplet\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export FONTCONFIG_PATH="\$root/etc/fonts" XDG_DATA_HOME="\$root/usr/share"
exec "\$root/usr/lib/chromium/chromium" "\$@"
RUN
chmod +x "$into/run.new" && mv "$into/run.new" "$into/run"
