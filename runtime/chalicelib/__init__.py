"""The stops on an interaction's path: api → queue → worker → ledger → projection → graph."""
