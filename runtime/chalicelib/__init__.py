"""The stops on an interaction's path: intake → queue → worker → ledger → projection → graph."""
