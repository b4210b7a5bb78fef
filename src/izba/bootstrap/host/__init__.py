"""What this machine's own configuration says; read only, nothing is guessed."""
