"""What is wrong with this installation, one line each with the mend; while it is up or down."""
