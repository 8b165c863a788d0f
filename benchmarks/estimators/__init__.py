"""What `bench-uci` and `bench-classifiers` are made of: data, peers with nothing said, and the child that fits them."""
