# How the setup speaks: one line for each thing it does, on standard error, so that a command's own output stays clean.

say() {
  printf 'setup: %s\n' "$*" >&2
}

# Ends the setup with one sentence that says what is wrong and what to do.
give_up() {
  say "$*"
  exit 1
}
