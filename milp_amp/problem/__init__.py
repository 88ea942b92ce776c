"""What is asked: model, cluster, profile, workload; reading and writing them."""
