"""What ``milp-amp import`` reads: one module per kind of files, with its options and what makes an instance of them."""
