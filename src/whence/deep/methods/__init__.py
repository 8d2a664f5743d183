"""Methods that read a network: settings, and a function that binds them to its view."""
