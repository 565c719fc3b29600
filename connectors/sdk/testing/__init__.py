"""What a connector's author tests with: a plain client, a simulator in a thread, a receiver."""
