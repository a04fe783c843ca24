"""Model updates of many boards: a publisher signs releases in a TUF repository, boards fetch and verify them."""
