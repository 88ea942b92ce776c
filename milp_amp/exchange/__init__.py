"""What other tools write, read into instances; and plans, written as launchers take them."""
