"""Live audio of each leg: AudioSocket server, taps, and the control between the two roles."""
